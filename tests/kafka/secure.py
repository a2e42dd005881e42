"""What `up --secure` adds to a cluster: listeners that ask who comes, their certificates, users and ACLs.

Every node keeps its PLAINTEXT listener, whose clients are super users: the tests' own, and the
brokers among themselves. Beside it are three that the gateway is tested against:

    SASL_SSL  TLS with a good certificate, then SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN
    EXPIRED   the same with a certificate whose time is over
    MUTUAL    TLS alone, where the client's certificate says who it is

StandardAuthorizer decides, and without an ACL nobody but a super user may do anything: which ACLs
there are is each test's to say. Certificates are made anew for every cluster, by an authority of
its own, for 127.0.0.1 and no host name; a second authority has signed nothing here.

Absent: Kerberos and OAUTHBEARER, which need servers of their own.
"""

import secrets
import shutil
import subprocess

LISTENERS = {"SASL_SSL": "SASL_SSL", "EXPIRED": "SASL_SSL", "MUTUAL": "SSL"}
MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"]
USERS = ["gateway", "modest", "reader"]
VALID_DAYS = 30
HERE_ONLY = "subjectAltName=IP:127.0.0.1"
JAAS = "org.apache.kafka.common.security"


class NoCertificate(Exception):
    """Why there is no certificate, without a traceback."""


class Secrets:
    """The certificates and passwords of one cluster, and what its control file says of them."""

    def __init__(self, folder):
        if not shutil.which("openssl"):
            raise NoCertificate("openssl not found; tests/tools/install brings it")
        self.folder = folder / "tls"
        self.folder.mkdir(parents=True)
        self.users = {user: secrets.token_urlsafe(18) for user in USERS}
        for authority in ("ca", "other-ca"):
            self.openssl("req", "-x509", *self.key(authority), "-days", VALID_DAYS, "-subj", f"/CN={authority} of the tests",
                         "-out", f"{authority}.pem")
        self.signed("broker", "broker", VALID_DAYS)
        # Expired the moment it is made.
        self.signed("expired", "broker", 0)
        self.signed("client", "gateway", VALID_DAYS)

    def openssl(self, *arguments):
        command = ["openssl", *map(str, arguments)]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if made.returncode != 0:
            raise NoCertificate(f"{' '.join(command)}: {made.stderr.strip()}")

    def key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", f"{name}.key"]

    def signed(self, name, subject, days):
        """A key, its certificate, and both in one file: a keystore in PEM (KIP-651)."""
        self.openssl("req", *self.key(name), "-subj", f"/CN={subject}", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"{HERE_ONLY}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        parts = [self.path(f"{name}.key"), self.path(f"{name}.pem")]
        self.path(f"{name}.store.pem").write_text("".join(part.read_text() for part in parts))

    def path(self, name):
        return self.folder / name

    def scram(self):
        """Arguments of the storage tool: users have to be there before the first of them can log in."""
        return [
            argument
            for user, password in self.users.items()
            for mechanism in MECHANISMS if mechanism.startswith("SCRAM")
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]

    def settings(self):
        """The settings of every node, beside its addresses."""
        found = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]*).*$/$1/",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        }
        for listener, protocol in LISTENERS.items():
            prefix = f"listener.name.{listener.lower()}"
            store = "expired" if listener == "EXPIRED" else "broker"
            found |= {
                f"{prefix}.ssl.keystore.type": "PEM",
                f"{prefix}.ssl.keystore.location": self.path(f"{store}.store.pem"),
                f"{prefix}.ssl.truststore.type": "PEM",
                f"{prefix}.ssl.truststore.location": self.path("ca.pem"),
                f"{prefix}.ssl.client.auth": "required" if listener == "MUTUAL" else "none",
                # Few connections come here, and threads cost.
                f"{prefix}.num.network.threads": 1,
            }
            if protocol == "SASL_SSL":
                found |= self.logins(prefix)
        return found

    def logins(self, prefix):
        plain = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
        return {
            f"{prefix}.scram-sha-256.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.scram-sha-512.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
            f"{prefix}.plain.sasl.jaas.config": f"{JAAS}.plain.PlainLoginModule required {plain};",
        }

    def told(self, ports):
        """What the control file says: `ports` has those of every node by listener."""
        def bootstrap(listener):
            return ",".join(f"127.0.0.1:{port[listener]}" for port in ports)

        return {
            "sasl_ssl": bootstrap("SASL_SSL"),
            "expired": bootstrap("EXPIRED"),
            "mutual": bootstrap("MUTUAL"),
            "ca": str(self.path("ca.pem")),
            "other_ca": str(self.path("other-ca.pem")),
            "certificate": str(self.path("client.pem")),
            "key": str(self.path("client.key")),
            "users": self.users,
        }
