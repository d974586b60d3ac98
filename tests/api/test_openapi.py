"""An OpenAPI 3.1 document is served at `/openapi.json` that a public validator accepts."""
import copy
import json
import pathlib
import re
import shutil
import subprocess

import pytest

VALIDATOR = pathlib.Path(__file__).parents[1] / 'tools' / 'openapi_validator'

METHODS = {'get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'}


@pytest.fixture(scope='module')
def document(node):
    answer = node.call('GET', '/openapi.json')
    assert (answer.status, answer.header('Content-Type')) == (200, 'application/json')
    return answer.json()


@pytest.fixture(scope='module')
def validate(tmp_path_factory):
    """A validator that others wrote (tests/tools/openapi_validator), built where Go is at hand
    and its module proxy answers: (exit code, what it says) of a document."""
    if shutil.which('go') is None:
        pytest.skip('the Go toolchain is not installed here')
    program = tmp_path_factory.mktemp('validator') / 'validate'
    built = subprocess.run(['go', 'build', '-o', str(program), '.'], cwd=VALIDATOR,
                           capture_output=True, text=True, timeout=600)
    if built.returncode != 0:
        pytest.skip('the validator cannot be built here: ' + built.stderr[-200:])

    def run(document):
        done = subprocess.run([str(program)], input=json.dumps(document), text=True,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout

    return run


@pytest.mark.slow
def test_a_public_validator_accepts_it(document, validate):
    """that a public validator accepts"""
    assert validate(document) == (0, '')


@pytest.mark.slow
def test_the_public_validator_refuses_what_is_wrong(document, validate):
    """the test above can fail"""
    damaged = copy.deepcopy(document)
    next(iter(damaged['paths'].values()))['get']['responses'] = []
    code, said = validate(damaged)
    assert code == 1 and said


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
