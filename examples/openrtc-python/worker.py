"""A worker that holds calls, with the outputs that `openrtc-otel bridge` reads."""

import os
from pathlib import Path

from livekit.agents import Agent
from openrtc import AgentPool
from openrtc.cli.reporter_cli import RuntimeReporter

FOLDER = Path(os.environ.get("BRIDGE_DIR", "/run/openrtc"))


class Pool(AgentPool):
    """A pool that reports its drain also where SIGTERM began it, which OpenRTC alone does not."""

    @property
    def draining(self) -> bool:
        return super().draining or self.server.draining


class Support(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Hold the call until the caller hangs up.")


def main() -> None:
    pool = Pool(
        agents={"support": Support},
        agent_name="support",
        deployment_version=os.environ["DEPLOYMENT_VERSION"],
        drain_timeout=int(os.environ.get("DRAIN_TIMEOUT_SECONDS", "600")),
        introspection_socket_path=FOLDER / "worker.sock",
        port=int(os.environ.get("PORT", "8081")),
    )
    reporter = RuntimeReporter(
        pool,
        dashboard=False,
        refresh_seconds=1,
        json_output_path=None,
        metrics_jsonl_path=FOLDER / "worker.jsonl",
        metrics_jsonl_interval=1,
    )
    reporter.start()
    try:
        pool.run()
    finally:
        reporter.stop()  # writes the last snapshot


if __name__ == "__main__":
    main()
