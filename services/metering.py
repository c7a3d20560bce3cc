"""What a service costs: each started minute of its time awake.

Time counts while an instance is READY. Units are reserved ahead in blocks of some minutes, so that
nobody uses more than they have; a block is settled by what was used of it. After n minutes in all
exactly `charged_units(n, ...)` have been charged, however they are spread over blocks.

All functions change rows within the transaction of their caller, who holds the instance's row.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.db import transaction

from accounts.units import ledger

from .models import ServiceInstance

BLOCK_MINUTES = 10
MINUTE = timedelta(minutes=1)


def charged_units(minutes: int, units_per_hour: int) -> int:
    """The units for so many started minutes, rounded up to whole units."""
    return -(-minutes * units_per_hour // 60)


def block_units(instance: ServiceInstance, minutes: int) -> int:
    """The units for the next `minutes` of this instance, after those already charged."""
    price = instance.units_per_hour
    return charged_units(instance.minutes + minutes, price) - charged_units(instance.minutes, price)


def open_block(instance: ServiceInstance, *, most_minutes: int = BLOCK_MINUTES) -> None:
    """Reserve the units for the next minutes: a whole block, or as many as its owner can pay.

    Raises ledger.InsufficientUnits if they cannot pay one minute.
    """
    if instance.block_minutes:
        return
    minutes = most_minutes
    if instance.units_per_hour:
        available = ledger.locked_balance(instance.owner).available
        while minutes > 1 and block_units(instance, minutes) > available:
            minutes -= 1
        number = instance.block + 1
        reference = _reference(instance, number)
        units = block_units(instance, minutes)
        ledger.reserve(instance.owner, units, reference=reference, key=f"reserve:{reference}")
        _set(instance, block=number)
    _set(instance, block_minutes=minutes)


def begin(instance: ServiceInstance, at: datetime) -> None:
    """Count minutes from now on, because the instance has become READY."""
    _set(instance, metered_until=at)


def end(instance: ServiceInstance, at: datetime) -> None:
    """Settle what was used of the present block, and give back the rest.

    If the worker was late, blocks that ended before are settled first. Each time READY costs its
    own started minutes: if it is READY again within one, a new minute begins.
    """
    if instance.units_per_hour and instance.metered_until is not None:
        go_on(instance, at)
    used = _started_minutes(instance, at)
    _set(instance, metered_until=None)
    _settle(instance, used)


def go_on(instance: ServiceInstance, at: datetime) -> bool:
    """Settle the present block if all its minutes have started, and reserve the next one.

    Returns False if its owner cannot pay for another minute.
    """
    while instance.block_minutes and _started_minutes(instance, at) > instance.block_minutes:
        minutes = instance.block_minutes
        _settle(instance, minutes)
        _set(instance, metered_until=(instance.metered_until or at) + minutes * MINUTE)
        if not _opened(instance):
            return False
    return bool(instance.block_minutes) or _opened(instance)


def next_block_units(instance: ServiceInstance) -> int:
    """The units for a whole block after the present one."""
    ahead, price = instance.minutes + instance.block_minutes, instance.units_per_hour
    return charged_units(ahead + BLOCK_MINUTES, price) - charged_units(ahead, price)


def paid_until(instance: ServiceInstance) -> datetime | None:
    """When the minutes reserved so far are used up; None if none are counted now."""
    if instance.metered_until is None:
        return None
    return instance.metered_until + instance.block_minutes * MINUTE


def _opened(instance: ServiceInstance) -> bool:
    try:
        with transaction.atomic():
            open_block(instance)
    except ledger.InsufficientUnits:
        return False
    return True


def _started_minutes(instance: ServiceInstance, at: datetime) -> int:
    """Minutes begun since `metered_until`; at least one, for an instance that was READY."""
    if instance.metered_until is None:
        return 0
    return max(1, math.ceil((at - instance.metered_until) / MINUTE))


def _settle(instance: ServiceInstance, used: int) -> None:
    """Close the present block: charge `used` minutes of it, at most all of them."""
    if not instance.block_minutes:
        return
    if instance.units_per_hour:
        used = min(used, instance.block_minutes)
        reference = _reference(instance, instance.block)
        if used:
            ledger.settle(reference, charged=block_units(instance, used))
        else:
            ledger.release(reference)
    _set(instance, minutes=instance.minutes + used, block_minutes=0)


def _reference(instance: ServiceInstance, number: int) -> str:
    return f"{instance.instance_id}:{number}"


def _set(instance: ServiceInstance, **columns: object) -> None:
    type(instance).objects.filter(pk=instance.pk).update(**columns)
    for name, value in columns.items():
        setattr(instance, name, value)
