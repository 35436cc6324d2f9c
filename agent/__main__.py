"""`python -m agent` is `pos-agent`."""

from agent.cli.main import app

if __name__ == "__main__":
    app()
