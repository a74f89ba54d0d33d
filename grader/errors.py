"""What can go wrong, and whose business it is.

GraderError
├── UsageError            the command line asks for something that cannot be (exit status 2)
├── UnreadableSubmission  not a notebook or script that can be graded (exit status 2)
├── BadAssignment         an assignment folder does not hold what it must (exit status 2)
├── BadBundle             a stored evidence bundle is damaged or of another version (exit status 2)
├── UntrustedData         the recording holds junk: a finding about the submission, never a crash
└── GradingFailed         a fault of ours: the submission is NOT_GRADED, never a zero (exit status 3)

Each message is one line that a student or an instructor can act on.
"""

from __future__ import annotations


class GraderError(Exception):
    """The root of every error this package raises on purpose."""


class UsageError(GraderError):
    """The command line asks for something that cannot be done."""


class UnreadableSubmission(GraderError):
    """The file is not a notebook or a script that can be graded."""


class BadAssignment(GraderError):
    """The assignment folder does not hold what it must."""


class BadBundle(GraderError):
    """The evidence bundle is damaged, or was written by an incompatible version."""


class UntrustedData(GraderError):
    """What came out of the student's process is not what the recorder writes."""


class GradingFailed(GraderError):
    """The grader itself failed; the submission keeps its claim to every point."""
