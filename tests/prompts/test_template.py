"""Templates: what they become, in which order, and what is said of one that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.errors import UserError
from tfgen.prompts.template import Template, escaped, values_of


def prompts(text, **values):
    return [each.prompt for each in Template.parse(text).combinations(values)]


def test_alternatives_and_variables_make_every_combination_in_order():
    found = Template.parse("a {color} {heart|{big|small} star}{|!}").combinations({"color": ["red", "blue"]})
    assert [each.prompt for each in found][:7] == [
        "a red heart", "a red heart!", "a red big star", "a red big star!", "a red small star", "a red small star!",
        "a blue heart",
    ]
    assert len(found) == 12
    assert found[2].choices == {"color": "red", "1": "big star", "2": "big", "3": ""}


def test_a_variable_has_one_value_wherever_it_stands():
    assert prompts("{x} and {x}", x=["a", "b"]) == ["a and a", "b and b"]


def test_what_reads_the_same_comes_once():
    assert prompts("{a|b|a}") == ["a", "b"]


def test_doubled_braces_are_braces_and_bars_outside_are_bars():
    assert prompts("{{x}} | y") == ["{x} | y"]
    assert prompts("{a|{b|c}} {{}}") == ["a {}", "b {}", "c {}"]


@given(st.text())
def test_any_prompt_can_be_kept_as_a_template(text):
    assert prompts(escaped(text)) == [text]


@pytest.mark.parametrize(
    "text, words",
    [
        ("a {b", "The '{' at position 3 is never closed"),
        ("{a|{b", "position 4"),
        ("a } b", "The '}' at position 3 closes nothing"),
        ("{a|{b|{c|{d|{e|{f|g}}}}}}", "The '{' at position 16 is more than 5 deep"),
        ("x {}", "position 3 is neither a variable nor alternatives"),
        ("{two words}", "position 1 is neither"),
    ],
)
def test_what_is_no_template_is_refused_with_the_position(text, words):
    with pytest.raises(UserError, match=words):
        Template.parse(text)


def test_five_deep_is_not_too_deep():
    assert len(prompts("{a|{b|{c|{d|{e|f}}}}}")) == 6


@pytest.mark.parametrize(
    "text, values, words",
    [
        ("a {color}", {}, "The variable 'color' has no value. Give one: --var color=VALUE"),
        ("a {color}", {"colour": ["red"]}, "no variable 'colour'. Did you mean 'color'"),
        ("a heart", {"color": ["red"]}, "no variable 'color'. It has none"),
        ("a {color}", {"color": []}, "has no value"),
    ],
)
def test_values_must_fit_the_variables(text, values, words):
    with pytest.raises(UserError, match=words):
        Template.parse(text).combinations(values)


def test_more_than_a_thousand_combinations_are_refused_and_can_be_drawn():
    many = Template.parse("{a|b|c|d|e|f|g|h|i|j}" * 4)
    with pytest.raises(UserError, match="10,000 combinations"):
        many.combinations()
    drawn = many.drawn(20, seed=1)
    assert len({each.prompt for each in drawn}) == 20
    assert drawn == many.drawn(20, seed=1) != many.drawn(20, seed=2)
    assert len(Template.parse("{a|b}").drawn(20)) == 2
    assert many.count({}) == 10_000


def test_a_seed_has_its_own_combination_and_every_alternative_comes():
    template = Template.parse("{a|b} {c|{d|e}}")
    chosen = [template.choose(seed).prompt for seed in range(64)]
    assert chosen == [template.choose(seed).prompt for seed in range(64)]
    assert set(chosen) == set(prompts("{a|b} {c|{d|e}}"))


def test_values_are_typed_with_bars_or_again():
    assert values_of(["color=red|blue", "color=red", "size=", "x=a=b"]) == {
        "color": ["red", "blue"], "size": [""], "x": ["a=b"]
    }
    with pytest.raises(UserError, match="'red' gives no variable a value"):
        values_of(["red"])
