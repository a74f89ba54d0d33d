"""Runs a submission in a real kernel, from scratch folder to recording."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import zmq

from grader.errors import GradingFailed
from grader.execute.conversation import Conversation, Patience, Transcript, kill
from grader.execute.job import Job, require_device
from grader.execute.launcher_line import KernelLost
from grader.execute.recording_files import read_recording_folder
from grader.execute.scratch import Scratch
from grader.execute.source import KernelSource, write_job
from grader.model.recording import Recording
from grader.model.submission import Cell, Submission


class JupyterKernel:
    """Takes a kernel for each submission and ends it, with everything it started, in every case."""

    def __init__(self, source: KernelSource, patience: Patience | None = None) -> None:
        self._source = source
        self._patience = patience or Patience()

    def run(self, submission: Submission, job: Job) -> Recording:
        """Execute every code cell; see `Kernel.run`."""
        return self.run_fed(submission, job, lambda _: _at_once(submission))

    def run_fed(self, submission: Submission, job: Job, feed: Feed) -> Recording:
        """Execute the cells that `feed` gives; all else is the submission's. See `Kernel.run`."""
        require_device(job.device)
        try:
            return self._run(submission, job, feed)
        except KernelLost:
            return self._run(submission, job, feed)

    def _run(self, submission: Submission, job: Job, feed: Feed) -> Recording:
        with self._source.place(submission, job) as scratch:
            write_job(scratch, submission, job)
            transcript, versions = run_async(lambda: self._converse(scratch, job, feed))
            events, tensors, damage = read_recording_folder(scratch.record, job.limits.recording_bytes)
            return Recording(
                cells=tuple(transcript.cells),
                events=events,
                tensors=tensors,
                seed=job.seed,
                device=job.device,
                versions=versions,
                kernel=self._source.name,
                sandbox=self._source.sandbox,
                seconds=round(transcript.seconds, 3),
                notes=scratch.notes,
                problems=(*transcript.problems, *damage),
            )

    async def _converse(self, scratch: Scratch, job: Job, feed: Feed) -> Heard:
        try:
            manager = await self._source.start(scratch, job)
        except (OSError, RuntimeError) as error:
            raise GradingFailed(f"no kernel could be started: {error}") from error
        conversation = Conversation(manager, job.limits, self._patience, scratch.seen(scratch.root))
        try:
            await asyncio.gather(_opened(conversation, scratch), asyncio.to_thread(scratch.write_probes, job))
            # Now, while the student's code has had no say in it.
            versions = _versions(scratch)
            transcript = await conversation.run(feed(conversation))
            if problem := await conversation.finish():
                transcript.problems.append(problem)
            return transcript, versions
        finally:
            conversation.close()
            await kill(manager)
            await manager.cleanup_resources()
            manager.context.destroy(linger=0)


Feed = Callable[[Conversation], AsyncIterator[Cell]]
"""Gives cells one after another as they are to be run; asked again where a submission has to be run anew."""

Heard = tuple[Transcript, dict[str, str]]
"""How a submission went, and the versions that its kernel named."""


def run_async(work: Callable[[], Coroutine[Any, Any, Heard]]) -> Heard:
    """Run a coroutine to its end, also where the caller (a notebook, say) has an event loop of its own.

    Ctrl-C cancels the work, lets it clean up, and is raised again.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    return _in_thread(work)


def _in_thread(work: Callable[[], Coroutine[Any, Any, Heard]]) -> Heard:
    answer: Future[Heard] = Future()
    started: Future[Callable[[], object]] = Future()

    async def supervised() -> Heard:
        task, loop = asyncio.ensure_future(work()), asyncio.get_running_loop()
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await task

    def target() -> None:
        try:
            answer.set_result(asyncio.run(supervised()))
        # Also a cancellation has to reach the thread that waits.
        except BaseException as error:
            answer.set_exception(error)

    thread = threading.Thread(target=target)
    thread.start()
    try:
        return answer.result()
    except KeyboardInterrupt:
        started.result()()
        raise
    finally:
        thread.join()


async def _at_once(submission: Submission) -> AsyncIterator[Cell]:
    for cell in submission.code_cells:
        yield cell


async def _opened(conversation: Conversation, scratch: Scratch) -> None:
    try:
        await conversation.open()
    except (RuntimeError, zmq.ZMQError) as error:
        complaint = scratch.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise GradingFailed(f"the kernel did not start: {error}; {' '.join(complaint)}") from error


def _versions(scratch: Scratch) -> dict[str, str]:
    """What the kernel said about itself before it served the first cell."""
    return {str(name): str(version) for name, version in json.loads(scratch.hello.read_text()).items()}
