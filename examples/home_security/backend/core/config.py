# SPDX-License-Identifier: MIT
"""The settings of the backend."""

import os
from dataclasses import dataclass

# Nothing is set up: a private server, which ends with the process. Each process has its own, so several workers need
# a REDIS_URL.
os.environ.setdefault("REDIS_URL", "embedded:")


@dataclass
class Settings:
    redis_url: str = "redis://localhost:6379/0"  # Redis connection URL


settings = Settings(redis_url=os.environ["REDIS_URL"])
