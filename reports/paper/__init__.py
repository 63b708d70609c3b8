"""Reports as PDF: documents that one would hand to an auditor.

``write`` makes the report of a selection of transactions; ``write_document`` sets any other one.
"""

from reports.paper.document import Breakdown, Chart, Column, Document, Line, PaperError, Sum
from reports.paper.engine import write_document

__all__ = [
    "Breakdown",
    "Chart",
    "Column",
    "Document",
    "Line",
    "PaperError",
    "Sum",
    "write_document",
]
