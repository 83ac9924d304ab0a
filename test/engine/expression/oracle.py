"""Renders templates with the reference implementation: a JSON list of cases in, a list of results out."""

import json
import sys

from jinja2 import Environment, StrictUndefined, Undefined

environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)

try:
    from ansible.plugins.filter.core import FilterModule
    from ansible.plugins.filter.mathstuff import FilterModule as ListModule
    from ansible.plugins.test.core import TestModule

    ansible = {**FilterModule().filters(), **ListModule().filters()}
    taken = ["regex_replace", "regex_search", "regex_findall", "regex_escape", "from_json", "from_yaml", "to_nice_yaml"]
    taken += ["dict2items", "items2dict", "product", "zip", "zip_longest", "hash", "splitext", "mandatory"]
    environment.filters.update({name: ansible[name] for name in taken})
    tests = TestModule().tests()
    environment.tests.update({name: tests[name] for name in ["match", "search", "regex", "version", "version_compare"]})
except ImportError:
    pass


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Undefined):
        return str(value)
    return [plain(inner) for inner in value]


def result(case):
    try:
        if case["kind"] == "value":
            value = environment.compile_expression(case["source"], undefined_to_none=False)(**case["scope"])
            return {"value": plain(value)}
        return {"value": environment.from_string(case["source"]).render(**case["scope"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


sys.set_int_max_str_digits(0)
json.dump([result(case) for case in json.load(sys.stdin)], sys.stdout)
