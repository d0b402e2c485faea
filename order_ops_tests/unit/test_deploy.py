"""The limits that dagster.yaml and deploy/ set agree with those that order_ops sets itself."""

import yaml

from order_ops.devstack.services import checkout_root
from order_ops.domain.jobs import POOLS
from order_ops.jobs.catalogue import JOBS
from order_ops.orchestration.job_tags import MAX_RUNTIME, job_tags
from order_ops.settings import Settings


def test_a_pool_that_is_full_keeps_no_run_of_another_waiting() -> None:
    instance = yaml.safe_load((checkout_root() / "dagster.yaml").read_text())
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == sum(POOLS.values())
    untagged = instance["run_monitoring"]["max_runtime_seconds"]
    assert untagged >= max(float(job_tags(job)[MAX_RUNTIME]) for job in JOBS)


def test_a_runs_own_limit_is_met_before_the_pods() -> None:
    """Its error says where in the code; a kill by the kernel says nothing."""
    path = checkout_root() / "deploy" / "helm" / "dagster.yaml"
    launcher = yaml.safe_load(path.read_text())["runLauncher"]["config"]["k8sRunLauncher"]
    env = dict(word.split("=", 1) for word in launcher["envVars"])
    own = int(env["ORDER_OPS_RUN_MEMORY_MB"])
    assert own == Settings.model_fields["run_memory_mb"].default
    limits = launcher["resources"]["limits"]
    assert int(limits["memory"].removesuffix("Mi")) >= own * 1.25
    assert float(limits["cpu"]) > 0
