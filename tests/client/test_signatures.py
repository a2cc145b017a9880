"""`Jobs` and `AsyncJobs` are one API: the same methods, parameters, defaults, results and words."""

from __future__ import annotations

import inspect
import re

import pytest

from ptyjobs import AsyncJobs, Jobs, prepare

ASYNC_NAMES = re.compile(r"\bAsync(?=(Follow|Generator)\b)")


def public(cls: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(cls) if not name.startswith("_")}


METHODS = sorted(public(Jobs))


def signature_of(cls: type, name: str) -> tuple[list[inspect.Parameter], str]:
    signature = inspect.signature(getattr(cls, name))
    result = ASYNC_NAMES.sub("", str(signature.return_annotation))
    return list(signature.parameters.values()), result


def test_both_have_the_same_methods() -> None:
    assert sorted(public(AsyncJobs)) == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_same_in_both(name: str) -> None:
    assert signature_of(Jobs, name) == signature_of(AsyncJobs, name)
    ours, theirs = getattr(Jobs, name), getattr(AsyncJobs, name)
    assert ours.__doc__, f"{name} is not documented"
    assert ours.__doc__ == theirs.__doc__
    waits = inspect.iscoroutinefunction(theirs) or inspect.isasyncgenfunction(theirs)
    shared = getattr(Jobs, name) is getattr(AsyncJobs, name)  # it never waits
    assert waits != shared


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_parameters_are_named_and_typed(name: str) -> None:
    for cls in (Jobs, AsyncJobs):
        parameters, result = signature_of(cls, name)
        for parameter in parameters[1:]:
            assert parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            assert "Any" not in str(parameter.annotation), parameter
        assert "Any" not in result


def test_execute_takes_what_prepare_takes() -> None:
    of_execute = inspect.signature(Jobs.execute).parameters
    for name, parameter in list(inspect.signature(prepare).parameters.items())[1:]:
        assert name in of_execute
        assert of_execute[name].default == parameter.default, name
        assert of_execute[name].annotation == parameter.annotation, name


def test_every_parameter_of_a_long_call_is_documented() -> None:
    for method in (Jobs.execute, Jobs.interact, Jobs.wait):
        described = method.__doc__ or ""
        undescribed = [
            name
            for name in list(inspect.signature(method).parameters)[2:]
            if f"`{name}`" not in described
        ]
        overrides = {"cwd", "env", "rows", "cols", "marks", "patterns"}
        assert set(undescribed) <= overrides, undescribed
