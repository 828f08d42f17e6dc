"""Energy and carbon of a plan: a line with its assumptions, not a measurement."""

from __future__ import annotations

from dataclasses import dataclass

INFRASTRUCTURE = (433_196 + 256_646) / 433_196
"""All electricity for that of the GPUs at full draw, in BLOOM's training (Luccioni et al. 2023)."""
_FEW_KWH = 100
EU_GRAMS_PER_KWH = 251.0
"""CO2 equivalents of the EU's electricity in 2022 (European Environment Agency). Sites have their
own: hydropower is far below."""


@dataclass(frozen=True)
class Energy:
    """Electricity and carbon of GPU-hours on one card."""

    gpu_hours: float
    watts: float
    grams_per_kwh: float = EU_GRAMS_PER_KWH

    @property
    def kwh(self) -> float:
        """Kilowatt-hours: GPUs at full draw, and the infrastructure around them."""
        return self.gpu_hours * self.watts / 1000 * INFRASTRUCTURE

    @property
    def tonnes(self) -> float:
        """Tonnes of CO2 equivalents."""
        return self.kwh * self.grams_per_kwh / 1e6

    @property
    def source(self) -> str:
        """What was assumed, and after whom."""
        return (
            f"{self.watts:g} W a GPU, times {INFRASTRUCTURE:.2f} for all around it (BLOOM: "
            f"Luccioni et al. 2023), {self.grams_per_kwh:g} g of CO2 a kWh (EU mean of 2022, EEA; "
            "ask the site for its own)"
        )

    def __str__(self) -> str:
        if self.kwh < _FEW_KWH:
            return f"about {self.kwh:,.3g} kWh and {self.tonnes * 1000:,.2g} kg of CO2"
        return f"about {self.kwh / 1000:,.3g} MWh and {self.tonnes:,.2g} t of CO2"
