"""Answers that a reader should not trust blindly are pointed out, and no others."""

from tfgen.feedback.oddities import Said, oddities


def said(one, two, who="ann", place=0):
    return Said(who, (str(one), str(two)), (place,))


def test_answers_that_differ_are_nothing_odd():
    assert oddities([said(each, each + 100, place=each % 2) for each in range(40)]) == []


def test_the_same_place_again_and_again():
    same = [said(each, each + 100) for each in range(40)]
    assert oddities(same) == ["The person who answered picked place 1 in 40 of 40 answers."]
    # Among others it is hidden in the sum, and told all the same.
    others = [said(each, each + 100, "bob", each % 2) for each in range(200, 260)]
    assert oddities([*same, *others]) == ["One person picked place 1 in 40 of 40 answers."]
    assert oddities([*same, *others], named=True) == ["ann picked place 1 in 40 of 40 answers."]
    assert oddities(same[:10]) == [], "ten may be chance"


def test_contradictions_are_a_persons_own():
    found = oddities([said(1, 2), said(2, 1), said(3, 4)])
    assert found == ["The person who answered judged 1 pair of samples both ways."]
    assert oddities([said(1, 2), said(2, 1, "bob")]) == [], "two people may differ"


def test_one_voice_among_several():
    loud = [said(each, each + 100, "bob" if each else "ann", each % 2) for each in range(30)]
    assert oddities(loud) == ["One person gave 29 of 30 answers, so what is learned is mostly that taste."]
