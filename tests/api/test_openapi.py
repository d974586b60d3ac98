"""An OpenAPI 3.1 document is served at `/openapi.json` that a public validator accepts."""
import re

import pytest

METHODS = {'get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'}


@pytest.fixture(scope='module')
def document(node):
    answer = node.call('GET', '/openapi.json')
    assert (answer.status, answer.header('Content-Type')) == (200, 'application/json')
    return answer.json()


def test_a_public_validator_accepts_it(document):
    """that a public validator accepts"""
    validator = pytest.importorskip(
        'openapi_spec_validator', reason='openapi-spec-validator is not installed here')
    validator.validate(document)


def test_it_says_what_it_is(document):
    """an OpenAPI 3.1 document"""
    assert re.fullmatch(r'3\.1\.\d+', document['openapi'])
    assert document['info']['title'] and document['info']['version']


def operations(document):
    for path, item in document['paths'].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, item, method, operation


def test_each_operation_is_complete(document):
    """what a validator asks first: paths, responses with descriptions, parameters of the path
    declared and required, each operationId once"""
    seen = set()
    for path, item, method, operation in operations(document):
        where = f'{method} {path}'
        assert path.startswith('/') and operation['responses'], where
        for code, response in operation['responses'].items():
            assert re.fullmatch(r'[1-5](\d\d|XX)|default', code), where
            assert '$ref' in response or 'description' in response, where
        declared = {p['name'] for p in operation.get('parameters', item.get('parameters', []))
                    if p.get('in') == 'path' and p.get('required')}
        declared |= {p['name'] for p in item.get('parameters', []) if p.get('in') == 'path'}
        assert set(re.findall(r'\{(\w+)\}', path)) == declared, where
        name = operation.get('operationId')
        assert name is None or name not in seen, where
        seen.add(name)


def test_references_lead_somewhere(document):
    """no dangling $ref"""
    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get('$ref'), str):
                found = document
                for part in value['$ref'].removeprefix('#/').split('/'):
                    found = found[part]
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)
    walk(document)
