"""The till of a corner shop that there never was: baskets made by a rule, so that the first command needs no file.

Each of 2,000 customers comes back every few days, and each time buys what one of 24 dishes takes, less what is at home,
and something besides. After a dish comes another of the same kitchen sooner than one of another, so what somebody buys
next can be foreseen a little. The same numbers come out everywhere: nothing but random.Random(0).random() is drawn.
"""

import random

import numpy as np

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.request import DataRequest
from tfgen.modalities.basket.open_baskets import BasketExamples, open_examples
from tfgen.modalities.basket.reading import Interactions

CUSTOMERS = 2000
DISHES = (
    # Italian.
    "spaghetti, tinned tomatoes, garlic, onions, parmesan, basil", "penne, cream, mushrooms, parsley, parmesan, garlic",
    "pizza flour, yeast, mozzarella, tinned tomatoes, olives, oregano",
    "risotto rice, white wine, stock cubes, saffron, butter, parmesan",
    "lasagne sheets, minced beef, carrots, tinned tomatoes, milk, nutmeg",
    "ciabatta, mozzarella, tomatoes, basil, olive oil, balsamic vinegar",
    # Asian.
    "basmati rice, chicken breast, coconut milk, curry paste, lime, coriander",
    "rice noodles, prawns, soy sauce, ginger, spring onions, sesame oil",
    "red lentils, onions, ginger, turmeric, cumin, naan bread",
    "tofu, pak choi, soy sauce, garlic, chilli, jasmine rice",
    "chickpeas, spinach, garam masala, yogurt, basmati rice, tinned tomatoes",
    "sushi rice, nori, cucumber, smoked salmon, rice vinegar, wasabi",
    # Mexican.
    "tortillas, minced beef, kidney beans, cheddar, sour cream, salsa",
    "avocados, lime, coriander, tomatoes, chilli, tortilla chips",
    "black beans, peppers, sweetcorn, cumin, rice, cheddar",
    "chicken breast, peppers, onions, tortillas, paprika, guacamole",
    "eggs, tortillas, salsa, black beans, avocados, feta",
    "pulled pork, brioche buns, coleslaw, barbecue sauce, gherkins, crisps",
    # At home.
    "potatoes, leeks, cream, stock cubes, butter, chives", "eggs, flour, milk, butter, maple syrup, lemons",
    "beef mince, potatoes, carrots, peas, gravy, butter", "sausages, potatoes, onions, mustard, sauerkraut, beer",
    "cod, potatoes, peas, lemons, flour, tartare sauce", "apples, flour, butter, sugar, cinnamon, vanilla custard",
)  # fmt: skip
EXTRAS = (
    "bananas", "milk", "bread", "coffee", "chocolate", "toilet paper", "apples", "orange juice", "newspaper", "eggs",
    "tea", "cat food", "washing-up liquid", "yogurt", "biscuits", "red wine", "mineral water", "honey", "candles",
    "batteries",
)  # fmt: skip
_KITCHENS = 4
_AT_HOME, _SAME_KITCHEN = 0.25, 0.85


def till() -> Interactions:
    """Who bought what on which day."""
    draw = random.Random(0).random
    dishes = [dish.split(", ") for dish in DISHES]
    of_kitchen = len(dishes) // _KITCHENS
    users, names, times = [], [], []
    for customer in range(CUSTOMERS):
        kitchen, day = int(draw() * _KITCHENS), int(draw() * 30)
        for _ in range(3 + int(draw() * 5)):
            if draw() > _SAME_KITCHEN:
                kitchen = int(draw() * _KITCHENS)
            dish = dishes[kitchen * of_kitchen + int(draw() * of_kitchen)]
            bought = [item for item in dish if draw() > _AT_HOME]
            bought += [EXTRAS[int(draw() ** 2 * len(EXTRAS))] for _ in range(int(draw() * 3))]
            users += [customer] * len(bought)
            names += bought
            times += [day] * len(bought)
            day += 2 + int(draw() * 6)
    known = sorted(set(names))
    place = {name: at for at, name in enumerate(known)}
    items = np.array([place[name] for name in names], np.int64)
    return Interactions(np.array(users, np.int64), items, known, times=np.array(times, np.float64))


def _open(request: DataRequest) -> BasketExamples:
    return open_examples(request, till())


open_corner_shop = EmbeddedSet("basket", _open, "MIT, as tfgen, which makes it by a rule")
