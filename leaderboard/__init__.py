"""The leaderboard, run from a checkout: its rules, entries, their verification, the site."""
