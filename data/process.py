"""Scaling between process nodes after Dennard's rule: the fit of Stillmaker and Baas.

A leaf of fodlam.py, which loads it for configs with "process_scaling": "stillmaker" and gives it
data/process.csv. Stillmaker and Baas, "Scaling equations for the accurate prediction of CMOS device
performance from 180 nm to 7 nm", Integration 58 (2017), 74-81.
"""

RULES = ('dennard', 'stillmaker')  # of which fodlam.py has the first by itself

FILE = 'process.csv'
KEY = 'Process (nm)'
# The coefficients of polynomials in the supply voltage, for delay and energy relative to each
# other, without a unit. Columns are (heading, scale), as fodlam.py's.
DELAY = ('a0', 'a1', 'a2', 'a3')
ENERGY = ('b0', 'b1', 'b2')
COLUMNS = {
    'supply_v': ('Nominal Supply (V)', 1),
    **{field: (f'Delay {field}', 1) for field in DELAY},
    **{field: (f'Energy {field}', 1) for field in ENERGY},
}


LEAST = -1e30  # that a coefficient may be


def node_scale(rule, read_table, from_nm, to_nm):
    """Return the factors (power, time) from one process node to another, at nominal supplies.

    rule: the config's "process_scaling"; read_table: fodlam.py's.
    Raises ValueError if the rule is another, or the table does not have one of the nodes.
    """
    if rule != RULES[1]:
        raise ValueError(f'"process_scaling" is {rule!r:.80}; choose from {", ".join(RULES)}')
    table, factors = read_table(FILE, COLUMNS, KEY, LEAST), []
    for node in (from_nm, to_nm):
        fit = table.get(f'{node:g}')
        if fit is None:
            raise ValueError(
                f'"process_nm" is {node:g}; the fit of "stillmaker" has {", ".join(table)}'
            )
        factors.append([polynomial(fit, fields) for fields in (DELAY, ENERGY)])
    (delay, energy), (to_delay, to_energy) = factors
    time = to_delay / delay
    return to_energy / energy / time, time


def polynomial(fit, fields):
    """Return the value of a polynomial at the nominal supply; fields: its coefficients', from 0."""
    return sum(fit[field] * fit['supply_v'] ** power for power, field in enumerate(fields))
