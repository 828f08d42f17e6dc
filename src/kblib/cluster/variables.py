"""What of the environment goes along to a scheduler, and from it into the jobs.

``sbatch`` hands the environment it is called in to the job (``--export=ALL`` is its default), and a
notebook's holds tokens: of hubs, of clouds, of the Hub that started it. So nothing goes along but
what programs need to start and to be fast. What else a job shall know stands in the site file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "TMPDIR",
    "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CUDA_HOME", "ROCM_PATH",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
    "TORCH_HOME", "TORCH_EXTENSIONS_DIR",
    "BASH_ENV", "MODULEPATH", "MODULESHOME", "LOADEDMODULES", "_LMFILES_", "SLURM_CONF",
)  # fmt: skip
_FAMILIES = (
    "LC_", "LMOD_", "__LMOD", "__Init_", "BASH_FUNC_", "CONDA_", "APPTAINER_", "SINGULARITY_",
    "OMP_", "KMP_", "MKL_", "OPENBLAS_", "NCCL_", "GLOO_", "FI_", "UCX_", "MIOPEN_", "DS_",
    "KBNOTEBOOKS_",
)  # fmt: skip
"""Modules, containers, threads, the network between nodes, and what is our own."""
_SECRET = re.compile(r"TOKEN|SECRET|PASS|CREDENTIAL|AUTH|(^|_)KEY", re.IGNORECASE)
"""``APPTAINER_DOCKER_PASSWORD`` is of a family, and stays here all the same."""


def that_go_along(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a scheduler, and its jobs, may know.

    Examples
    --------
    >>> that_go_along({"PATH": "/bin", "HF_TOKEN": "hf_x", "OMP_NUM_THREADS": "4", "NOTE": "x"})
    {'PATH': '/bin', 'OMP_NUM_THREADS': '4'}
    """
    return {name: value for name, value in environment.items() if _goes_along(name)}


def _goes_along(name: str) -> bool:
    known = name in _NAMES or name.startswith(_FAMILIES)
    return known and _SECRET.search(name) is None
