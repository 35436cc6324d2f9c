"""Where the till's API is served: loopback TCP behind the token door, and the unix socket behind its file mode.

Called by agent.main.
"""

from agent.api.app import Services, create_app
from agent.api.door import DoorRules
from agent.api.hw_proxy import hw_proxy_app
from agent.config import Settings
from agent.db.tokens import TokensDb, token_hash
from agent.health import Health
from agent.http_server import HttpServer, listen_tcp, listen_unix
from agent.hw_proxy import HwProxy
from drivers.profiles import profile


def api_servers(settings: Settings, services: Services, tokens: TokensDb) -> tuple[int, list[HttpServer]]:
    """Bind both listeners; the TCP port and the servers, not yet started. Raises ConfigError where one is taken."""
    api = settings.api
    listener = listen_tcp(api.host, api.port)
    port = int(listener.getsockname()[1])
    names = ("127.0.0.1", "localhost") if api.host == "127.0.0.1" else ("[::1]", "localhost")
    hosts = {f"{name}:{port}" for name in names}
    origins = {f"http://{host}" for host in hosts} | set(api.allowed_origins)
    training = settings.workstation.training
    rules = DoorRules(
        hosts, origins, tokens.active, token_hash, services.clock, services.people.has_ended, training=training
    )
    local = DoorRules({"localhost"}, set(), tokens.active, token_hash, services.clock, trusted=True, training=training)
    servers = [
        HttpServer(create_app(services, rules), [listener]),
        HttpServer(create_app(services, local), [listen_unix(settings.socket)]),
    ]
    return port, servers


def hw_proxy_servers(settings: Settings, services: Services, health: Health) -> tuple[int, list[HttpServer]]:
    """The listener for clients of Odoo's box; none where no origin is allowed. Raises ConfigError as above."""
    section = settings.hw_proxy
    if not section.allowed_origins or not settings.printer:
        return 0, []
    listener = listen_tcp("127.0.0.1", section.port)
    port = int(listener.getsockname()[1])
    chosen = [one for one in settings.printer if one.name == settings.receipt.printer] or settings.printer
    box = HwProxy(services.paper, health.snapshot, services.clock, profile(chosen[0].profile).width_dots)
    app = hw_proxy_app(box, {f"127.0.0.1:{port}", f"localhost:{port}"}, frozenset(section.allowed_origins))
    return port, [HttpServer(app, [listener])]
