"""The leaderboard: rules, submissions, their verification and its site. Run from a checkout: python -m leaderboard.…"""
