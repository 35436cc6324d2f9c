"""Where the till's API is served: loopback TCP behind the token door, and the unix socket behind its file mode.

Called by agent.main.
"""

from agent.api.app import Services, create_app
from agent.api.door import DoorRules
from agent.config import Settings
from agent.db.notices import TokensDb, token_hash
from agent.http_server import HttpServer, listen_tcp, listen_unix


def api_servers(settings: Settings, services: Services, tokens: TokensDb) -> tuple[int, list[HttpServer]]:
    """Bind both listeners; the TCP port and the servers, not yet started. Raises ConfigError where one is taken."""
    api = settings.api
    listener = listen_tcp(api.host, api.port)
    port = int(listener.getsockname()[1])
    names = ("127.0.0.1", "localhost") if api.host == "127.0.0.1" else ("[::1]", "localhost")
    hosts = {f"{name}:{port}" for name in names}
    origins = {f"http://{host}" for host in hosts} | set(api.allowed_origins)
    rules = DoorRules(hosts, origins, tokens.active, token_hash, services.clock)
    local = DoorRules({"localhost"}, set(), tokens.active, token_hash, services.clock, trusted=True)
    servers = [
        HttpServer(create_app(services, rules), [listener]),
        HttpServer(create_app(services, local), [listen_unix(settings.socket)]),
    ]
    return port, servers
