"""Values as the error page shows them."""

import time

import pytest

from yett.dev.values import MASK, Values, is_secret, without_secrets


class Loops:
    def __repr__(self):
        while True:
            try:
                while True:
                    pass
            except Exception:  # noqa: BLE001 - such code exists
                pass


def shown(value: object, name: str = "value") -> str:
    return Values().show(name, value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "PASSWORD",
            "db_passwd",
            "secret",
            "SECRET_KEY",
            "api_key",
            "apikey",
            "access-token",
            "key",
        ),
        *(
            "Authorization",
            "cookie",
            "set-cookie",
            "sessionid",
            "csrftoken",
            "X-API-Key",
            "AWS_SECRET_ACCESS_KEY",
        ),
        b"authorization",
    ],
)
def test_names_of_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["keyboard", "monkey", "user", "path", "keys", "author", "passenger_count", None, 3]
)
def test_other_names(name):
    assert not is_secret(name)


def test_values_of_secrets_are_not_shown():
    assert shown("hunter2", "password") == MASK
    for value in (
        {"token": "hunter2"},
        {"a": [{"api_key": "hunter2"}]},
        [(b"cookie", b"a=hunter2")],
        ("authorization", "Bearer hunter2"),
        "password=hunter2&x=1",
        '{"secret": "hunter2"}',
        "postgres://user:hunter2@host/db",
        type("Settings", (), {"__repr__": lambda self: "Settings(db_password='hunter2', debug=True)"})(),
    ):
        assert "hunter2" not in shown(value), value
    assert without_secrets("name='x' token='abc' rest") == f"name='x' token={MASK} rest"


def test_ordinary_values():
    for value in (
        1,
        None,
        True,
        "text",
        b"bytes",
        [1, "a"],
        {"a": 1},
        {1},
        (),
        (1,),
        set(),
        frozenset({1}),
        1.5,
    ):
        assert shown(value) == repr(value)


def test_a_repr_that_raises_is_shown_as_such():
    def fails(_):
        raise RuntimeError("no")

    bad = type("Bad", (), {"__repr__": fails})()
    assert "whose repr() raised RuntimeError" in shown(bad)
    assert "whose repr() raised RuntimeError" in shown([bad, 1])


def test_a_repr_that_never_ends_is_stopped():
    begun = time.monotonic()
    assert "takes longer" in shown(Loops())
    assert time.monotonic() - begun < 5


def test_all_together_take_a_bounded_time():
    values = Values()
    slow = Loops()
    begun = time.monotonic()
    texts = [values.show("value", slow) for _ in range(100)]
    assert "too long" in texts[-1]
    assert time.monotonic() - begun < 10


def test_long_and_deep_values_are_cut():
    assert len(shown("x" * 10_000_000)) < 1000
    assert len(shown(list(range(1_000_000)))) < 1000
    assert len(shown(dict.fromkeys(range(1000), "y" * 400))) < 3000
    assert len(shown(type("Long", (), {"__repr__": lambda _: "z" * 10_000_000})())) < 3000
    deep: list = []
    deep.append(deep)
    assert "[…]" in shown(deep)
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    assert len(shown(nested)) < 100


def test_text_that_would_take_a_careless_pattern_for_ever():
    begun = time.monotonic()
    for text in ("a" * 500, "password" * 60, "-" * 500, "://" * 160, "token=" + "\\" * 400):
        shown(text)
    assert time.monotonic() - begun < 5
