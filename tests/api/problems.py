"""What an error of ours looks like (RFC 9457, API.md 3)."""


def assert_problem(answer, status, slug):
    """`application/problem+json` with type, title, status, detail, instance."""
    assert answer.status == status, answer
    assert answer.header('Content-Type') == 'application/problem+json', answer
    document = answer.json()
    assert document['type'] == f'/problems/{slug}', document
    assert document['status'] == status, document
    assert document['title'] and isinstance(document['title'], str), document
    assert isinstance(document.get('detail', ''), str), document
    return document
