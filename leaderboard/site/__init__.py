"""The leaderboard as a static site: pages that work from a file, a server or a static Space, and all results as data.

    data      a board's entries with their ranks; all results as one table
    board     the first page, a board's page, a trial table's page
    entry     an entry's page
    rules     the rules as a page
    curves    charts of scores over the budget
    words     numbers and names
    files     which files the site is made of, and how they are put in place

Nothing of an entry is executed, and its texts are text only.
"""
