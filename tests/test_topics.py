"""Topics: a card whose telling terms the source has no words for is about another paper."""

from digest.topics import LEAST, heard, strays

SOURCE = "We prune convolutional networks for image classification and segment medical scans of patients."


def stray(text: str, least: int = LEAST) -> bool:
    return strays(heard(text, SOURCE).values(), least)


def test_terms_of_another_subject_stray() -> None:
    """Three of three have no word in the source."""
    assert stray("面向机器人的强化学习，用于农业作物采摘")


def test_terms_that_the_source_has_do_not() -> None:
    """English words are known by how they begin."""
    assert not stray("对医学图像做剪枝与语义分割，服务临床患者")


def test_a_few_strange_terms_among_known_ones_do_not() -> None:
    """A card may add what its subject is good for."""
    assert not stray("对医学图像做剪枝与分割，服务患者，可用于机器人、农业")


def test_too_few_terms_say_nothing() -> None:
    """Two strange ones may be a matter of translation, unless something else is wrong as well."""
    assert not stray("面向机器人的强化学习")
    assert stray("面向机器人的强化学习", 2)
