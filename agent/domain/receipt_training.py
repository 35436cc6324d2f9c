"""Training paper 训练: whatever comes out of a printer in training says, first and last, that it is no receipt (S40).

Pure. Called by agent.training for every document on its way to a printer, so that no kind of paper can be forgotten.
"""

from agent.domain.receipt import Block, Document, Drawer, Rule, Text
from agent.wording import CHINESE, label


def as_training(document: Document, language: int = CHINESE) -> Document:
    """Put the mark above and below; a drawer's pulse is no paper and stays as it is.

    >>> [block.text for block in as_training(Document((Text("水"),))).blocks if isinstance(block, Text)]
    ['训练', '不作凭证', '水', '训练', '不作凭证']
    """
    if all(isinstance(block, Drawer) for block in document.blocks):
        return document
    mark: tuple[Block, ...] = (
        Text(label("training_title", language), align="center", scale=2, bold=True),
        Text(label("training_void", language), align="center", bold=True),
    )
    return Document((*mark, Rule("="), *document.blocks, Rule("="), *mark), cut=document.cut)
