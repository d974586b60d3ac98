#!/usr/bin/env python3
"""Plants each fault that tests/tools/tidy claims to find, one at a time, in a small tree.

A gate that was never seen to fail proves nothing: each case says which rule must name
which file, and the tree without a fault must pass.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))


def load_tidy():
    """The style test as a module: 70 starts of Python would take longer than the tests."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader('tidy', os.path.join(HERE, 'tidy'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('tidy', loader))
    loader.exec_module(module)
    return module


TIDY = load_tidy()

HEADER = '''/* A house of one room, to be painted over by the tests of the style test.
 *
 * It knows nobody. Nothing is owned.
 */
#ifndef %(guard)s
#define %(guard)s

%(body)s

#endif
'''

SOURCE = '''#include "%(header)s"

#include <stddef.h>

/* Text that must not be taken for code: "strcpy(a, b)" and time(NULL). */
static const char *const story = "strcpy(a, b); if (x) y(); time(NULL)";

int %(name)s(int count)
{
    int sum = 0;

    for (int i = 0; i < count; i++) {
        if (story[0] == '{') {
            sum += i;
        } else if (i > 3) {
            sum--;
        } else {
            sum++;
        }
    }
    do {
        sum /= 2;
    } while (sum > 9);
    return sum;
}
'''

CLEAN = {
    'README.md': '# Small tree\n\n```\n# not a title\n```\n',
    'proto/base/room.h': HEADER % {'guard': 'BASE_ROOM_H', 'body': 'int room_count(int n);'},
    'proto/base/room.c': SOURCE % {'header': 'base/room.h', 'name': 'room_count'},
    'proto/word.h': HEADER % {'guard': 'PROTO_WORD_H', 'body': 'int word_count(int count);'},
    'proto/word.c': SOURCE % {'header': 'proto/word.h', 'name': 'word_count'},
    'cluster/vote.h': HEADER % {'guard': 'CLUSTER_VOTE_H', 'body': 'int vote(int count);'},
    'cluster/vote.c': SOURCE % {'header': 'cluster/vote.h', 'name': 'vote'},
    'node/core/ops.h': HEADER % {'guard': 'NODE_CORE_OPS_H', 'body': 'int ops(int count);'},
    'node/core/ops.c': SOURCE % {'header': 'core/ops.h', 'name': 'ops'},
    'node/core/core.h': HEADER % {'guard': 'NODE_CORE_CORE_H', 'body': 'int core(int count);'},
    'node/io/loop.h': HEADER % {'guard': 'NODE_IO_LOOP_H', 'body': 'int loop(int count);'},
    'node/io/loop.c': '#include <uv.h>\n' + SOURCE % {'header': 'io/loop.h', 'name': 'loop'},
    'node/io/ids.c': '#include <uuid/uuid.h>\n',
    'node/crypto/tls.c': '#include <openssl/ssl.h>\n',
    'node/http/http_parser.c': '#include <llhttp.h>\n',
    'node/http/http_message.h': HEADER % {'guard': 'NODE_HTTP_H', 'body': 'int http(int x);'},
    'node/dialects/plain.c': '#include "core/ops.h"\n#include "http/http_message.h"\n',
    'node/handlers/web.c': '#include "io/loop.h"\n\n#include <curl/curl.h>\n',
    'node/config/file.c': '#include <cyaml/cyaml.h>\n',
    'node/main.c': '#include "core/core.h"\n#include "io/loop.h"\n',
    'tests/unit/base/test_room.c': '#include "base/room.h"\n\n#include <uv.h>\n',
}


def body_of(lines):
    return 'int long_story(void)\n{\n' + '    (void)0;\n' * lines + '    return 0;\n}\n'


def nest_of(depth):
    opening = ''.join('    ' * (i + 1) + 'if (a) {\n' for i in range(depth))
    ending = ''.join('    ' * (i + 1) + '}\n' for i in reversed(range(depth)))
    return f'int deep(int a)\n{{\n{opening}{ending}    return a;\n}}\n'


# (what it is, the file, text to add at its end, the rule that must name the file)
ADDED = [
    ('base knows proto', 'proto/base/room.c', '#include "proto/word.h"\n', 'layer'),
    ('proto knows cluster', 'proto/word.c', '#include "cluster/vote.h"\n', 'layer'),
    ('cluster knows the node', 'cluster/vote.c', '#include "core/ops.h"\n', 'layer'),
    ('core knows io', 'node/core/ops.c', '#include "io/loop.h"\n', 'layer'),
    ('core knows http', 'node/core/ops.c', '#include "http/http_message.h"\n', 'layer'),
    ('io knows core', 'node/io/loop.c', '#include "core/ops.h"\n', 'layer'),
    ('http knows core', 'node/http/http_parser.c', '#include "core/ops.h"\n', 'layer'),
    ('dialect knows io', 'node/dialects/plain.c', '#include "io/loop.h"\n', 'layer'),
    ('dialect knows the core', 'node/dialects/plain.c', '#include "core/core.h"\n', 'layer'),
    ('handler knows core', 'node/handlers/web.c', '#include "core/core.h"\n', 'layer'),
    ('config knows io', 'node/config/file.c', '#include "io/loop.h"\n', 'layer'),
    ('a folder that is no layer', 'node/new/x.c', '#include "core/ops.h"\n', 'layer'),
    ('an include of nothing', 'node/main.c', '#include "io/nothing.h"\n', 'include'),
    ('uv outside io', 'node/main.c', '#include <uv.h>\n', 'door'),
    ('uv in http', 'node/http/http_parser.c', '#include <uv/version.h>\n', 'door'),
    ('msgpack outside proto', 'cluster/vote.c', '#include <msgpack.h>\n', 'door'),
    ('llhttp in a second file', 'node/http/other.c', '#include <llhttp.h>\n', 'door'),
    ('curl in a second handler', 'node/handlers/web2.c', '#include <curl/curl.h>\n', 'door'),
    ('curl outside handlers', 'node/io/loop.c', '#include <curl/multi.h>\n', 'door'),
    ('openssl beside the sockets', 'node/io/x509.c', '#include <openssl/x509.h>\n', 'door'),
    ('crypto knows io', 'node/crypto/tls.c', '#include "io/loop.h"\n', 'layer'),
    ('openssl in the handlers', 'node/handlers/web.c', '#include <openssl/evp.h>\n', 'door'),
    ('uuid outside ids.c', 'node/io/loop.c', '#include <uuid/uuid.h>\n', 'door'),
    ('jansson in the core', 'node/core/ops.c', '#include <jansson.h>\n', 'door'),
    ('cyaml outside config', 'node/main.c', '#include <cyaml/cyaml.h>\n', 'door'),
    ('yaml outside config', 'node/main.c', '#include <yaml.h>\n', 'door'),
    ('cmocka in the product', 'node/main.c', '#include <cmocka.h>\n', 'door'),
    ('a clock header in cluster', 'cluster/vote.c', '#include <time.h>\n', 'pure'),
    ('threads in proto', 'proto/word.c', '#include <pthread.h>\n', 'pure'),
    ('a socket header in core', 'node/core/ops.c', '#include <sys/socket.h>\n', 'pure'),
    ('a clock in cluster', 'cluster/vote.c',
     'long t(void)\n{\n    return time(0);\n}\n', 'pure'),
    ('a clock in base', 'proto/base/room.c',
     'int t(void *t)\n{\n    return clock_gettime(1, t);\n}\n', 'pure'),
    ('randomness in core', 'node/core/ops.c',
     'long t(void)\n{\n    return getrandom(0, 0, 0);\n}\n', 'pure'),
    ('a thread in cluster', 'cluster/vote.c',
     'int t(void)\n{\n    return pthread_create(0, 0, 0, 0);\n}\n', 'pure'),
    ('a socket in core', 'node/core/ops.c',
     'int t(void)\n{\n    return socket(1, 1, 0);\n}\n', 'pure'),
    ('output in proto', 'proto/word.c',
     'int t(void)\n{\n    return printf("x");\n}\n', 'pure'),
    ('a banned call', 'node/main.c', 'void t(char *a)\n{\n    strcpy(a, "x");\n}\n', 'banned'),
    ('sprintf', 'node/io/loop.c', 'void t(char *a)\n{\n    sprintf(a, "x");\n}\n', 'banned'),
    ('strtok in a test', 'tests/unit/base/test_room.c',
     'void t(char *a)\n{\n    strtok(a, " ");\n}\n', 'banned'),
    ('atoi', 'node/config/file.c', 'int t(char *a)\n{\n    return atoi(a);\n}\n', 'banned'),
    ('rand', 'node/main.c', 'int t(void)\n{\n    return rand();\n}\n', 'banned'),
    ('alloca', 'node/main.c', 'void *t(void)\n{\n    return alloca(9);\n}\n', 'banned'),
    ('a text taken for true', 'node/main.c',
     'void t(void)\n{\n    assert(!"never");\n}\n', 'assert'),
    ('a long function', 'node/main.c', body_of(68), 'length'),
    ('a deep function', 'node/main.c', nest_of(4), 'nesting'),
    ('six parameters', 'node/main.c',
     'int t(int a, int b, int c, int d, int (*e)(int, int), int f)\n{\n    return a;\n}\n',
     'parameters'),
    ('an if without braces', 'node/main.c',
     'int t(int a)\n{\n    if (a)\n        return 1;\n    return 0;\n}\n', 'braces'),
    ('an else without braces', 'node/main.c',
     'int t(int a)\n{\n    if (a) {\n        a = 2;\n    } else\n        a = 1;\n'
     '    return a;\n}\n', 'braces'),
    ('a loop without braces', 'node/main.c',
     'int t(int a)\n{\n    while (a > 0)\n        a--;\n    return a;\n}\n', 'braces'),
    ('a long file', 'node/main.c', '/* x */\n' * 599, 'size'),
    ('a wide line', 'node/main.c', '/* ' + 'x' * 91 + ' */\n', 'columns'),
    ('blanks at the end', 'node/main.c', '/* x */ \n', 'blanks'),
    ('no newline at the end', 'node/main.c', '/* x */', 'blanks'),
    ('text after the guard', 'proto/word.h', 'int outside(void);\n', 'guard'),
    ('a second title', 'README.md', '\n# Again\n', 'title'),
    ('a registry', 'Dockerfile', 'FROM gh' + 'cr.io/somebody/something\n', 'registry'),
    ('a path of one machine', 'run.sh', 'cd /' + 'work/main\n', 'workplace'),
]

# (what it is, the file, its whole text, the rule)
REPLACED = [
    ('no paragraph', 'proto/word.h',
     '#ifndef PROTO_WORD_H\n#define PROTO_WORD_H\nint word_count(int count);\n#endif\n',
     'paragraph'),
    ('no guard', 'proto/word.h',
     '/* What words are for and what they refuse. */\nint w(int);\n', 'guard'),
    ('a guard with another name', 'proto/word.h',
     (HEADER % {'guard': 'PROTO_WORD_H', 'body': 'int w(int x);'}).replace(
         '#define PROTO_WORD_H', '#define PROTO_WORDS_H'), 'guard'),
    ('the guard of another file', 'proto/word.h',
     HEADER % {'guard': 'BASE_ROOM_H', 'body': 'int w(int x);'}, 'guard'),
    ('a vague name', 'node/io/io_util.c', '#include "io/loop.h"\n', 'name'),
    ('no title', 'README.md', 'words\n', 'title'),
]


class Tidy(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='tidy-')
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text, mode='w'):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, mode, encoding='utf-8') as stream:
            stream.write(text)

    def tidy(self, *flags):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = TIDY.main(['--root', self.root, *flags])
        return code, out.getvalue()

    def require(self, path, rule):
        code, out = self.tidy('--no-format')
        lines = [line for line in out.splitlines() if line.startswith(path + ':')]
        self.assertEqual(code, 1, 'the planted fault passed:\n' + out)
        self.assertTrue(any(f': {rule}: ' in line for line in lines), out)
        others = [line for line in out.splitlines()[:-1] if line not in lines]
        self.assertEqual(others, [], 'a fault was named elsewhere')

    def test_a_clean_tree_passes(self):
        code, out = self.tidy('--no-format')
        self.assertEqual((code, out.splitlines()[-1]), (0, f'{len(CLEAN)} files, 0 faults'))

    def test_a_tree_without_code_fails(self):
        shutil.rmtree(self.root)
        self.write('README.md', '# Nothing\n')
        self.assertEqual(self.tidy()[0], 1)

    def test_a_bad_format_is_named_where_the_formatter_is(self):
        shutil.copy(os.path.join(TREE, '.clang-format'), self.root)
        self.write('node/main.c', 'int   main( void ){return 0;}\n')
        code, out = self.tidy()
        if 'notice: format not checked' in out:
            self.skipTest(out.strip())
        self.assertEqual(code, 1)
        self.assertIn('node/main.c:1: format: ', out)

    def test_limits_themselves_are_allowed(self):
        self.write('node/main.c', body_of(66) + nest_of(3) + '/* ' + 'x' * 90 + ' */\n', 'a')
        code, out = self.tidy('--no-format')
        self.assertEqual(code, 0, out)


def add_case(kind, number, what, path, text, rule):
    def case(self):
        self.write(path, text, 'a' if kind == 'added' else 'w')
        self.require(path, rule)
    case.__doc__ = what
    setattr(Tidy, f'test_{kind}_{number:02}_{what.replace(" ", "_")}', case)


for index, fault in enumerate(ADDED):
    add_case('added', index, *fault)
for index, fault in enumerate(REPLACED):
    add_case('replaced', index, *fault)

if __name__ == '__main__':
    unittest.main()
