"""All commands of `pos-agent` in one application: for the help, for the documents and for tests.

agent.cli.main runs a single command without importing the others.
"""

from agent.cli.main import WORDS, add, empty

app = empty()
for word in WORDS:
    add(app, word)
