"""What an error of ours looks like (RFC 9457, API.md 3)."""


def assert_problem(answer, status, slug):
    """`application/problem+json` with type, title, status, detail, instance."""
    assert answer.status == status, answer
    assert answer.header('Content-Type') == 'application/problem+json', answer
    assert answer.header('Retry-After') is not None or status not in (429, 503), answer
    document = answer.json()
    assert document['type'] == f'/problems/{slug}', document
    assert document['status'] == status, document
    has_target = slug not in ('headers-too-large', 'too-many-connections')
    for member in ('title', 'detail') + ('instance',) * has_target:
        assert document[member] and isinstance(document[member], str), document
    return document
