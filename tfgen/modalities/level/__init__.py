"""Game levels as grids of tiles: VGLC's text, CSV tile maps, and Tiled's .tmx.

    tiles.py      the tile set: letters, numbers, and what each tile is, by a legend
    reading.py    files to levels
    writing.py    a level back to the format that was read
    windows.py    levels cut into windows, some levels held out, and layers of two windows put together
    words.py      what a window can be asked for: "many pipes", "no gaps"
    rules.py      whether a window can be played, by the rules of a kind of game
    codec.py      windows as arrays, and as sequences of pieces of columns
    open_levels.py  a folder to examples
    judging.py    what metrics look at: what is broken, copied or new (the scores are in evaluate/metrics/levels.py)
    concerns.py   what a good score can hide, for alarms
    baselines.py  random tiles and Markov chains of columns in a model's place
    drawing.py    a plain tile set, and pictures
    embedded.py   levels that come with the package
"""
