# SPDX-License-Identifier: MIT
"""What a Python value is in Redis, and what comes back."""

import dataclasses
import enum
import json
import random

import pytest


@dataclasses.dataclass
class Detection:
    camera_id: int
    objects: list


class Level(enum.IntEnum):
    HIGH = 3


class Color(str, enum.Enum):
    RED = "red"


ROUND_TRIPS = [
    "System started", "", "größer \N{GRINNING FACE}", "{not json", "nan", "NaN", "-", "01", "1.", "tru", "\x00", " ",
    {"online": True, "fps": 30.0, "none": None, "nested": {"list": [1, -2, 3.5e300, "\"\\\n\x01"]}},
    [], {}, [[]], 0, -1, 2**63 - 1, -(2**63), 2**64, 10**30, 0.1, 1.0, 1e-320, True, False, None,
    b"\xff\xfe not text", b"\x80",
]  # fmt: skip


def test_values_come_back_as_they_were(redis_test):
    async def body(redis):
        for value in ROUND_TRIPS:
            await redis.set("test:value", value)
            back = await redis.get("test:value")
            assert (back, type(back)) == (value, type(value))

    redis_test(body)


def test_text_that_parses_as_json_comes_back_as_json(redis_test):
    async def body(redis):
        for text in ["5", "-0.5e3", "true", "null", ' {"a" : [1 , 2]} ', '"quoted"', r'"\u00e9\ud83d\ude00\ud800"', "[1,[2,{}]]"]:
            await redis.set("test:text", text)
            back, expected = await redis.get("test:text"), json.loads(text)
            assert (back, type(back)) == (expected, type(expected))

    redis_test(body)


def test_what_is_no_json_comes_back_as_text(redis_test):
    async def body(redis):
        for text in ['{"a":1,}', "[1 2]", '"open', "1e", "--1", "'a'", "[1]x", '{"a"}', "{1:2}", "[" * 10_000, '"\t"', r'"\x"', r'"\u12"', "9" * 5000]:
            await redis.set("test:text", text)
            assert await redis.get("test:text") == text

    redis_test(body)


def random_value(source, depth=0):
    kind = source.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [random_value(source, depth + 1) for _ in range(source.randrange(5))]
    if kind == 7:
        return {random_value(source, 9).__repr__(): random_value(source, depth + 1) for _ in range(source.randrange(5))}
    return [
        None,
        source.random() < 0.5,
        source.randrange(-(10**source.randrange(1, 25)), 10**20),
        source.uniform(-1, 1) * 10 ** source.randrange(-300, 300),
        "".join(chr(source.choice([source.randrange(0x20), source.randrange(0xD800), 0x1F600])) for _ in range(source.randrange(8))),
        "plain",
    ][kind]


def test_random_documents_are_what_json_says(redis_test):
    async def body(redis):
        source = random.Random(6)
        for _ in range(500):
            value = [random_value(source)]
            await redis.set("test:value", value)
            assert json.loads(await redis.execute_command("GET", "test:value")) == value
            assert await redis.get("test:value") == value
            await redis.set("test:value", json.dumps(value, indent=1))
            assert await redis.get("test:value") == value

    redis_test(body)


def test_objects_of_classes_are_json(redis_test):
    async def body(redis):
        detection = {"camera_id": 1, "objects": ["person", {"camera_id": 2, "objects": []}]}
        await redis.set("test:value", Detection(1, ["person", Detection(2, [])]))
        assert await redis.get("test:value") == detection
        await redis.set("test:value", (Level.HIGH, Color.RED, {1: 2, None: 3, True: 4}))
        assert await redis.get("test:value") == [3, "red", {"1": 4, "null": 3}]
        await redis.set("test:value", Color.RED)
        assert await redis.get("test:value") == "red"

    redis_test(body)


def test_pydantic_models_are_json_as_they_say_themselves(redis_test):
    pydantic = pytest.importorskip("pydantic")

    class Event(pydantic.BaseModel):
        camera_id: int
        at: __import__("datetime").datetime

    async def body(redis):
        event = Event(camera_id=1, at="2024-01-01T12:00:00")
        await redis.add_to_queue("test:queue", [event])
        assert await redis.get_from_queue("test:queue") == [{"camera_id": 1, "at": "2024-01-01T12:00:00"}]

    redis_test(body)


def test_what_cannot_be_written_is_a_type_error_and_nothing_is_sent(redis_test):
    async def body(redis):
        for value, name in [(object(), "object"), ({"at": {1, 2}}, "set"), ([1j], "complex"), ({(1,): 2}, "tuple")]:
            with pytest.raises(TypeError, match=name):
                await redis.add_to_queue("test:queue", value)
        for value in [float("nan"), [float("inf")], "\ud800", ["\ud800"]]:
            with pytest.raises(ValueError):
                await redis.add_to_queue("test:queue", value)
        loop = []
        loop.append(loop)
        with pytest.raises(RecursionError):
            await redis.add_to_queue("test:queue", loop)
        with pytest.raises(TypeError, match="list"):
            await redis.get(["test:key"])
        with pytest.raises(TypeError, match="list"):
            await redis.execute_command("DEL", ["test:key"])
        assert await redis.get_queue_length("test:queue") == 0

    redis_test(body)
