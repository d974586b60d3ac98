"""What TLS needs in tests: a keyring for the links, and certificates of an authority that only
the test knows. Files lie in a folder that goes with the process."""
import atexit
import os
import secrets
import shutil
import ssl
import subprocess
import tempfile


class Folder:
    """Made when it is first needed."""
    path = None

    @classmethod
    def get(cls):
        if cls.path is None:
            cls.path = tempfile.mkdtemp(prefix='callbackd-tls-')
            atexit.register(shutil.rmtree, cls.path, ignore_errors=True)
        return cls.path


def write_secrets(path, *lines):
    """A keyring; in one step, as `mv` would, so that nobody reads half of it."""
    with open(str(path) + '.new', 'w', encoding='ascii') as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(''.join(line + '\n' for line in lines))
    os.replace(str(path) + '.new', path)
    return str(path)


def new_secret():
    return secrets.token_urlsafe(32)


def link_settings(tls=None):
    """Settings of a node whose links are encrypted; none where they shall be plain."""
    if not (os.environ.get('CALLBACKD_TEST_TLS') == '1' if tls is None else tls):
        return {}
    path = os.path.join(Folder.get(), 'links.secret')
    if not os.path.exists(path):
        write_secrets(path, new_secret())
    return {'cluster.secret_file': path}


class Authority:
    """Signs certificates with the openssl command, as RFC 5280 wants them: Python 3.13 checks
    key usage and identifiers."""
    made = 0

    def __init__(self, name='ca'):
        Authority.made += 1
        self.folder = os.path.join(Folder.get(), f'{name}-{Authority.made}')
        os.mkdir(self.folder)
        self.serial = 0
        self.cert, self.key = self.path('ca.pem'), self.path('ca.key')
        self.openssl('req', '-x509', *self.new_key(self.key), '-subj', f'/CN={name}', '-days',
                     '2', '-addext', 'keyUsage=critical,keyCertSign', '-out', self.cert)

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def openssl(*words):
        done = subprocess.run(['openssl', *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    @staticmethod
    def new_key(path):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                '-keyout', path]

    @staticmethod
    def dates(days):
        """OpenSSL up to 3.3 takes a negative number of days, later ones take dates."""
        known = subprocess.run(['openssl', 'x509', '-help'], capture_output=True, text=True,
                               check=False).stderr
        if days < 0 and '-not_before' in known:
            return ['-not_before', '20200101000000Z', '-not_after', '20200102000000Z']
        return ['-days', str(days)]

    def issue(self, names, days=2, into=None):
        """(certificate, key) for the alternative names; with negative days expired already.
        `into`: a pair that is replaced, each file in one step."""
        self.serial += 1
        base = self.path(str(self.serial))
        with open(base + '.ext', 'w', encoding='ascii') as stream:
            stream.write(f'subjectAltName={names}\nbasicConstraints=CA:FALSE\n'
                         'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n')
        self.openssl('req', *self.new_key(base + '.key'), '-subj', '/CN=test', '-out',
                     base + '.csr')
        self.openssl('x509', '-req', '-in', base + '.csr', '-CA', self.cert, '-CAkey', self.key,
                     '-set_serial', str(self.serial), *self.dates(days), '-extfile',
                     base + '.ext', '-out', base + '.pem')
        os.chmod(base + '.key', 0o600)
        if into is None:
            return base + '.pem', base + '.key'
        for new, old in zip((base + '.pem', base + '.key'), into):
            os.replace(new, old)
        return into

    def link_settings(self, name='test', **options):
        """Of a node of the cluster `name`."""
        cert, key = self.issue(f'DNS:{name}', **options)
        return {'cluster.tls.cert': cert, 'cluster.tls.key': key, 'cluster.tls.ca': self.cert}


def https_authority():
    """The one whose certificates the test clients trust."""
    if not hasattr(https_authority, 'one'):
        https_authority.one = Authority('https')
        https_authority.pair = https_authority.one.issue('IP:127.0.0.1,DNS:localhost')
    return https_authority.one


def https_settings(https=None):
    """Settings of a node that speaks HTTPS: when asked for, or with CALLBACKD_TEST_HTTPS=1."""
    if not (os.environ.get('CALLBACKD_TEST_HTTPS') == '1' if https is None else https):
        return {}
    https_authority()
    cert, key = https_authority.pair
    return {'tls.cert': cert, 'tls.key': key}


def client_context(version=None, trusted=None):
    """For a client that checks the certificate. `version`: the only one that it speaks."""
    context = ssl.create_default_context(cafile=trusted or https_authority().cert)
    context.set_alpn_protocols(['http/1.1'])
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context
