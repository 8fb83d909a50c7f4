"""Scaling to another process node: of an Estimate, and by a fit to circuits.

A config's "process_nm" names the node. "process_scaling" names the rule: Dennard's (in
fodlam.node_scale), or "stillmaker", which is this fit: Stillmaker and Baas, "Scaling equations for
the accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58 (2017),
74-81.
"""

from fodlam import (
    EIE_PROCESS_NM,
    EYERISS_PROCESS_NM,
    MAX_NUMBER,
    Cost,
    is_number,
    node_scale,
    quote,
    read_table,
)

# Wider than any real node, but narrow enough that no result overflows or underflows a float.
MIN_PROCESS_NM, MAX_PROCESS_NM = 0.01, 1e5

# The values that a config's "process_scaling" may have.
RULES = ('dennard', 'stillmaker')

PROCESS_FILE = 'process.csv'
PROCESS_KEY = 'Process (nm)'
# At each node, the delay and the energy of a circuit are polynomials in the supply voltage. These
# fields are their coefficients, from the constant on. They are in a unit of their own: only the
# ratio between two nodes counts.
DELAY_FIELDS = ('a0', 'a1', 'a2', 'a3')
ENERGY_FIELDS = ('b0', 'b1', 'b2')
PROCESS_COLUMNS = {'supply_v': ('Nominal Supply (V)', 1)}
for field in DELAY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Delay {field}', 1)
for field in ENERGY_FIELDS:
    PROCESS_COLUMNS[field] = (f'Energy {field}', 1)
LEAST_COEFFICIENT = -MAX_NUMBER  # other tables have numbers above 0 only


# === Estimates ===


def scale_to_node(estimate, to_nm, rule):
    """Scale all costs and ranges of an Estimate from Eyeriss's process node to another.

    The sources of published costs say so, unless the node is the one that they were measured on.

    to_nm: a config's "process_nm". rule: its "process_scaling", or None.
    Raises ValueError if the node is wrong, or if the rule has no such node.
    """
    if not is_number(to_nm, MIN_PROCESS_NM, MAX_PROCESS_NM):
        raise ValueError(
            f'"process_nm" is {quote(to_nm)}; '
            f'expected a number from {MIN_PROCESS_NM:g} to {MAX_PROCESS_NM:g}'
        )
    power, time = node_scale(EYERISS_PROCESS_NM, to_nm, rule)
    make_layers = estimate.make_layers
    estimate.make_layers = lambda: [
        scaled_layer(layer, power, time, to_nm) for layer in make_layers()
    ]
    sums = {}  # a new dict, as other Estimates may share the old one
    for group, cost in estimate.sums.items():
        sums[group] = scaled_cost(cost, power, time)
    estimate.sums = sums
    if estimate.ranges:
        for group, (low, high) in estimate.ranges.items():
            ends = scaled_cost(low, power, time), scaled_cost(high, power, time)
            estimate.ranges[group] = ends


def scaled_layer(layer, power, time, to_nm):
    """Return a Layer scaled from Eyeriss's process node to another.

    That is its Cost, its range and the parts of its energy.
    power, time: the factors of all powers and of all times. to_nm: the other node in nm.
    """
    source = layer.source
    if source.startswith('published'):
        source = published_source(layer.kind, to_nm)
    low, high = layer.low, layer.high
    if low is not None:
        low, high = scaled_cost(low, power, time), scaled_cost(high, power, time)
    cost = scaled_cost(layer.cost, power, time)
    energy_by = layer.energy_by
    if energy_by is not None:
        energy_by = {part: energy_j * power * time for part, energy_j in energy_by.items()}
    return layer.replaced(cost=cost, low=low, high=high, source=source, energy_by=energy_by)


def published_source(kind, at_nm):
    """Return the source of a published cost at a process node.

    kind: of the layer, which says which chip was measured. at_nm: the node in nm.

    >>> published_source('fc', 65), published_source('fc', 45)  # EIE is a 45 nm chip
    ('published, scaled from 45 nm', 'published')
    """
    measured_nm = EIE_PROCESS_NM if kind == 'fc' else EYERISS_PROCESS_NM
    if at_nm == measured_nm:
        return 'published'
    return f'published, scaled from {measured_nm} nm'


def scaled_cost(cost, power, time):
    """Return the Cost of the same work at `power` times its power, in `time` times its time.

    >>> cost = scaled_cost(Cost(energy_j=1.0, latency_s=2.0), power=4.0, time=0.5)
    >>> cost.energy_j, cost.latency_s
    (2.0, 1.0)
    """
    return Cost(cost.energy_j * power * time, cost.latency_s * time)


# === The fit ===


def fitted_scale(rule, from_nm, to_nm):
    """Return the factors (power, time) from one process node to another, at nominal supplies.

    rule: a config's "process_scaling". from_nm, to_nm: the nodes in nm.
    Raises ValueError if the rule is not "stillmaker", or the table does not have one of the nodes.

    >>> power, time = fitted_scale('stillmaker', 65, 32)
    >>> round(power, 2), round(time, 2)
    (0.62, 0.44)
    """
    if rule != 'stillmaker':
        from fodlam.data.mistakes import choices

        raise ValueError(f'"process_scaling" is {quote(rule)}; {choices(RULES, rule)}')
    from_delay, from_energy = delay_and_energy(from_nm)
    to_delay, to_energy = delay_and_energy(to_nm)
    time = to_delay / from_delay
    energy = to_energy / from_energy
    return energy / time, time


def delay_and_energy(node_nm):
    """Return (delay, energy) of a circuit at a process node and its nominal supply.

    node_nm: the node in nm. Both numbers mean something only as ratios between two nodes.
    Raises ValueError if the table does not have the node.
    """
    table = read_table(PROCESS_FILE, PROCESS_COLUMNS, PROCESS_KEY, LEAST_COEFFICIENT)
    fit = table.get(f'{node_nm:g}')
    if fit is None:
        known = ', '.join(table)
        raise ValueError(f'"process_nm" is {node_nm:g}; the fit of "stillmaker" has {known}')
    return polynomial(fit, DELAY_FIELDS), polynomial(fit, ENERGY_FIELDS)


def polynomial(fit, fields):
    """Return the value of a polynomial in the supply voltage at the nominal supply.

    fit: {field of PROCESS_COLUMNS: number} of a node. fields: those of the coefficients, from the
    constant on.

    >>> polynomial({'supply_v': 2, 'a0': 1, 'a1': 3, 'a2': 5}, ['a0', 'a1', 'a2'])  # 1 + 6 + 20
    27
    """
    total = 0
    for power, field in enumerate(fields):
        total += fit[field] * fit['supply_v'] ** power
    return total
