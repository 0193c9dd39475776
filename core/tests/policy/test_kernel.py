"""Exact schedules, worked out by hand. Times in seconds; a picture above each where it helps."""

from __future__ import annotations

from shanyrak.policy.reasons import Why


def test_best_fit_takes_the_least_free_node_ties_to_the_lowest(machine):
    m = machine(8, 8, 8)
    m.run(1, [2], 5, end=100)
    m.job(10, units=3)
    m.job(11, units=3)
    m.job(12, width=2, units=4)
    plan = m.plan()
    # 10 fills node 2 to the brim; 11 goes to the lowest of two equal nodes; 12 needs 4 on both others.
    assert plan.starts() == [(10, [[2]]), (11, [[0]]), (12, [[0, 1]])]


def test_strict_stops_a_pool_at_the_first_that_waits_for_nodes(machine, why):
    m = machine(2, 2)
    m.run(1, [0], 1, end=50)
    m.job(10, width=2, units=2)
    m.job(11)
    plan = m.plan(pack="strict")
    assert plan.empty
    assert why(plan) == {10: Why.FIT, 11: Why.ORDER}


def test_strict_passes_what_its_cap_grant_or_own_limit_holds_back(machine, why):
    m = machine(4)
    m.mirror.account(1, 0, cap=0)
    m.mirror.left(1, 0, 10**6)
    m.mirror.account(2, 0)
    m.job(10, account=1)
    m.job(11, account=2)
    m.job(12, tasks=5, room=0)
    m.job(13, block=Why.HOLD)
    m.job(14)
    plan = m.plan(pack="strict")
    assert plan.starts() == [(14, [[0]])]
    assert why(plan) == {10: Why.CAP, 11: Why.GRANT, 12: Why.TASKS, 13: Why.HOLD}


def test_easy_backfills_before_the_reservation_and_beside_it(machine, why, promises):
    # node 0  ##########|10........      10 needs 2 of the 3 nodes: nodes 0 and 1 at 10 s
    # node 1  12        |10........      12 (10 s) ends in time
    # node 2  13...................      13 (99 s) is beside the reservation
    m = machine(1, 1, 1)
    m.run(1, [0], 1, end=10)
    m.job(10, width=3, limit=5)
    plan = m.plan()
    assert promises(plan) == {10: 10}
    m = machine(1, 1, 1)
    m.run(1, [0], 1, end=10)
    m.job(10, width=2, limit=5)
    m.job(11, width=3)
    plan = m.plan()
    assert plan.starts() == [(10, [[1, 2]])]
    assert promises(plan) == {11: 10}

    m = machine(2, 2, 2)
    m.run(1, [0], 2, end=10)
    m.run(2, [1], 1, end=30)
    m.job(10, width=2, units=2, limit=5)
    m.job(11, limit=11)
    m.job(12, limit=10, units=2)
    m.job(13, limit=99)
    plan = m.plan()
    # Nodes 2 (free now) and 0 (at 10) are reserved. 11 and 13 fit beside it, on node 1 only one of them.
    assert promises(plan) == {10: 10}
    assert plan.starts() == [(11, [[1]]), (12, [[2]])]
    assert why(plan) == {10: Why.FIT, 13: Why.FIT}


def test_a_start_that_would_delay_the_reservation_waits_for_it(machine, why):
    m = machine(1, 1)
    m.run(1, [0], 1, end=10)
    m.job(10, width=2)
    m.job(11, limit=11)
    plan = m.plan()
    assert plan.empty is False
    assert plan.starts() == []
    assert why(plan) == {10: Why.FIT, 11: Why.RESERVATION}


def test_starts_of_the_same_round_count_as_coming_releases(machine, promises):
    m = machine(1, 1)
    m.job(10, limit=7)
    m.job(11, width=2)
    plan = m.plan()
    assert plan.starts() == [(10, [[0]])]
    assert promises(plan) == {11: 7}


def test_overdue_work_counts_as_ending_next(machine):
    m = machine(1)
    m.run(1, [0], 1, end=5)
    m.job(10)
    assert m.plan(now=9).promise_at.tolist() == [9001]


def test_depth_two_reserves_for_two_and_zero_for_none(machine, promises):
    m = machine(1, 1)
    m.run(1, [0], 1, end=10)
    m.run(2, [1], 1, end=20)
    for job in (10, 11, 12):
        m.job(job, limit=100)
    assert promises(m.plan(depth=2)) == {10: 10, 11: 20}
    assert promises(m.plan(depth=0)) == {}


def test_an_array_starts_as_many_as_fit_room_and_grant_allow(machine, why):
    m = machine(4, 4)
    m.mirror.account(1)
    m.mirror.left(1, 0, 3 * 10)  # three tasks of 1 unit x 10 s
    m.job(10, tasks=5, account=1)
    m.job(11, tasks=9, room=2)
    m.job(12, tasks=7)
    plan = m.plan()
    assert plan.start_count.tolist() == [3, 2, 3]
    assert why(plan) == {10: Why.GRANT | Why.FIT, 11: Why.TASKS | Why.FIT, 12: Why.FIT}


def test_a_started_array_gets_no_promise_in_the_same_plan_but_the_next(machine, promises):
    m = machine(1)
    m.job(10, tasks=3)
    plan = m.plan()
    assert (plan.start_count.tolist(), promises(plan)) == ([1], {})
    m.apply(plan)
    assert promises(m.plan()) == {10: 10}


def test_every_failed_test_is_named(machine, why):
    m = machine(4, 4)
    m.run(1, [0, 1], 3, end=10)
    m.mirror.account(1, cap=5)
    m.job(9, units=4)
    m.job(10, width=2, units=3, account=1, tasks=4, room=0, block=Why.HOLD | Why.AFTER)
    m.job(11, width=3)
    m.job(12, units=5)
    plan = m.plan(pack="strict")
    assert why(plan) == {
        9: Why.FIT,
        10: Why.FIT | Why.CAP | Why.GRANT | Why.TASKS | Why.HOLD | Why.AFTER | Why.ORDER,
        11: Why.FIT | Why.NODES | Why.ORDER,
        12: Why.FIT | Why.NODES | Why.ORDER,
    }


def test_nothing_starts_into_a_window_and_its_end_wakes(machine, why, promises):
    m = machine(1, 1)
    m.window(1, [1], 10, 30)
    m.job(10, width=2, limit=11)
    m.job(11, limit=10, width=2)
    plan = m.plan()
    assert plan.starts() == [(11, [[0, 1]])]
    assert promises(plan) == {10: 30}
    assert why(plan) == {10: Why.FIT | Why.WINDOW}
    assert plan.wake == 30_000


def test_a_window_without_end_leaves_nothing_to_promise(machine, why):
    m = machine(1)
    m.mirror.window(1, [0], 0)
    m.job(10)
    plan = m.plan()
    assert plan.empty
    assert why(plan) == {10: Why.WINDOW}
    assert plan.wake == 0


def test_closed_nodes_and_other_pools_take_nothing(machine, why):
    m = machine(1, 1)
    m.mirror.pool(1, 0)
    m.mirror.node(1, 1, 1, True)
    m.mirror.node(0, 0, 1, False)
    m.job(10)
    m.job(11, pool=1)
    plan = m.plan()
    assert plan.starts() == [(11, [[1]])]
    assert why(plan) == {10: Why.FIT | Why.NODES}


def test_caps_hold_for_all_above_and_within_one_round(machine, why):
    m = machine(9)
    m.mirror.account(1, 0, cap=4)
    m.mirror.account(2, 1, cap=3)
    m.mirror.account(3, 1)
    for account in (2, 3):
        m.mirror.left(account, 0, 10**6)
    m.job(10, account=2, units=2)
    m.job(11, account=2, units=2)
    m.job(12, account=3, units=3)
    m.job(13, account=3, units=2)
    plan = m.plan()
    assert [job for job, _ in plan.starts()] == [10, 13]
    assert why(plan) == {11: Why.CAP, 12: Why.CAP}


def test_a_cap_of_the_policy_applies_beside_the_accounts_own(machine):
    import numpy as np

    m = machine(9)
    m.job(10, units=4)
    m.job(11, units=4)
    assert len(m.plan(cap=np.array([4])).starts()) == 1
    assert len(m.plan(cap=np.array([-1])).starts()) == 2


def test_a_promised_job_that_its_cap_holds_keeps_its_reservation(machine, why):
    m = machine(2)
    m.mirror.account(1, 0, cap=1)
    m.mirror.left(1, 0, 10**6)
    m.run(1, [0], 1, end=10, account=1)
    m.job(10, account=1, promise=10)
    m.job(11, limit=100)
    m.job(12, limit=100)
    plan = m.plan()
    # One unit is free beside the reservation at 10 s: the run's own unit comes back to 10. So 11 may start.
    assert plan.starts() == [(11, [[0]])]
    assert (plan.hold_job.tolist(), plan.hold_at.tolist()) == ([10], [10_000])
    assert why(plan) == {10: Why.FIT | Why.CAP, 12: Why.FIT}


def test_a_new_job_that_only_its_cap_delays_gets_no_promise(machine, promises, why):
    m = machine(2)
    m.mirror.account(1, 0, cap=1)
    m.mirror.left(1, 0, 10**6)
    m.run(1, [0], 1, end=10, account=1)
    m.job(10, account=1)
    m.job(11, units=2)
    plan = m.plan()
    assert promises(plan) == {11: 10}
    assert why(plan) == {10: Why.CAP, 11: Why.FIT}


def test_a_promised_job_goes_before_better_keys(machine):
    import numpy as np

    m = machine(1)
    m.job(10)
    m.job(11, promise=5)
    plan = m.plan(keys=(np.array([0, 1]),))
    assert plan.starts() == [(11, [[0]])]


def test_a_promise_moves_earlier_when_work_ends_early_and_only_then_is_said_again(machine, promises):
    m = machine(1, 1)
    m.run(1, [0], 1, end=10)
    m.run(2, [1], 1, end=20)
    m.job(10, width=2)
    plan = m.plan()
    assert promises(plan) == {10: 20}
    m.apply(plan)
    assert m.plan(now=1).empty
    m.mirror.end(2)
    assert promises(m.plan(now=2)) == {10: 10}


def test_the_margin_is_part_of_a_promise(machine):
    m = machine(1)
    m.run(1, [0], 1, end=10)
    m.job(10, promise=12)
    assert m.plan(margin=3000).empty, "10 + 3 s is no earlier than 12 s"
    assert m.plan(margin=1000).promise_at.tolist() == [10_000]


def test_a_promise_that_moves_earlier_moves_no_other_later(machine, promises):
    # Node 0: 4 of 8 units are free at 10, the rest at 100. Node 1 is free at 20. 10 (4 units) is promised 10 on
    # node 0, 11 (8 units) 20 on node 1. When node 1 comes free at 5, a greedy order would start 10 there.
    m = machine(8, 8)
    m.run(1, [0], 4, end=10)
    m.run(2, [0], 4, end=100)
    m.run(3, [1], 8, end=20)
    m.job(10, units=4, limit=100)
    m.job(11, units=8, limit=100)
    plan = m.plan(depth=2)
    assert promises(plan) == {10: 10, 11: 20}
    m.apply(plan)
    m.mirror.end(3)
    plan = m.plan(now=5, depth=2)
    assert plan.starts() == [(11, [[1]])]
    assert dict(zip(plan.hold_job.tolist(), plan.hold_at.tolist(), strict=True)) == {10: 10_000}


def test_a_reservation_holds_the_grant_too(machine, why):
    m = machine(2)
    m.mirror.account(1)
    m.mirror.left(1, 0, 25)
    m.run(1, [0], 1, end=10)
    m.job(10, units=2, account=1)  # its hold is 20 unit-seconds
    m.job(11, account=1)  # 10 more are not there
    plan = m.plan()
    assert plan.starts() == []
    assert why(plan) == {10: Why.FIT, 11: Why.RESERVATION}


def test_a_promised_job_that_is_held_or_out_of_grant_has_no_reservation(machine):
    m = machine(2)
    m.mirror.account(1)
    m.run(1, [0], 1, end=10)
    m.job(10, units=2, promise=10, block=Why.HOLD)
    m.job(11, units=2, promise=10, account=1)
    m.job(12, limit=100)
    plan = m.plan()
    assert plan.starts() == [(12, [[0]])]
    assert plan.hold_job.tolist() == []


def test_odd_carry_is_ignored(machine):
    import numpy as np

    for carry in ([1, 2, 3], [0x51075], [0x51075, 10], [0x51075, 10, 5, 1, 77], [0x51075, 10, 5, -9, 0]):
        m = machine(1)
        m.run(1, [0], 1, end=10)
        m.job(10, promise=10)
        m.carry = np.array(carry)
        assert m.plan().hold_at.tolist() == [10_000]


def test_no_nodes_no_jobs_no_pools():
    import numpy as np
    from shanyrak.policy.mirror import Mirror
    from shanyrak.policy.stages import Stages, as_decide

    plan, carry = as_decide(lambda v, p: Stages())(Mirror().view(0, 0), {}, np.zeros(0, np.int64))
    assert plan.empty
    assert len(carry) == 0


def test_the_fallback_keeps_promises_and_gives_none(machine, why):
    import numpy as np
    from shanyrak.policy.fallback import fallback

    m = machine(1, 1)
    m.run(1, [0], 1, end=10)
    m.job(10, width=2, promise=10)
    m.job(11, limit=11)
    m.job(12, limit=5)
    m.job(13, width=2)
    plan, carry = fallback(m.mirror.view(1, 0), {"margin": 0}, np.array([7, 7, 7]))
    assert plan.starts() == [(12, [[1]])]
    assert plan.promise_job.tolist() == plan.stop_run.tolist() == []
    assert (plan.hold_job.tolist(), plan.hold_at.tolist()) == ([10], [10_000])
    assert why(plan)[11] == Why.FIT
    m.mirror.promise(10, 0)
    plan, carry = fallback(m.mirror.view(1, 0), {"margin": 0}, carry)
    assert plan.promise_job.tolist() == []
    assert [job for job, _ in plan.starts()] == [12], "the first that waits has a reservation all the same"


def test_a_reservation_holds_headroom_under_caps_too(machine, why):
    m = machine(1, 1, 1, 1)
    m.mirror.account(1, 0, cap=2)
    m.mirror.left(1, 0, 10**6)
    m.run(1, [0], 1, end=10, account=1)
    m.job(10, width=2, account=1, promise=10)
    m.job(11, account=1, limit=11)
    m.job(12, account=1, limit=10)
    m.job(13, limit=99)
    plan = m.plan()
    assert [job for job, _ in plan.starts()] == [12, 13]
    assert why(plan) == {10: Why.CAP | Why.FIT, 11: Why.CAP | Why.RESERVATION}


def test_order_names_only_those_behind_the_one_that_waits(machine, why):
    import numpy as np

    m = machine(1)
    m.run(1, [0], 1, end=10)
    for job in (10, 11, 12):
        m.job(job)
    m.job(13, block=Why.HOLD)
    plan = m.plan(pack="strict", keys=(np.array([1, 0, 1, -1]),))
    behind = Why.FIT | Why.ORDER
    assert why(plan) == {10: behind, 11: Why.FIT, 12: behind, 13: Why.FIT | Why.HOLD}


def test_a_window_and_a_reservation_that_only_together_keep_it_waiting(machine, why):
    m = machine(2, 1, 1)
    m.window(1, [2], 5, 100)
    m.run(1, [0], 1, end=3)
    m.job(10, units=2, limit=50, promise=3)
    m.job(11, width=3, limit=5)
    m.job(12, width=2, limit=6)
    plan = m.plan()
    # 10 takes node 0 from 3 s, the window node 2 from 5 s: either alone leaves two nodes to 12, together one.
    assert why(plan) == {10: Why.FIT, 11: Why.RESERVATION, 12: Why.RESERVATION}


def test_the_first_of_a_long_queue_is_found_by_its_key_wherever_it_stands(machine, promises):
    import numpy as np
    from shanyrak.policy.desk import LOOK

    m = machine(4)
    m.run(1, [0], 4, end=10)
    jobs = 3 * LOOK
    for job in range(jobs):
        m.job(10 + job, units=2)
    for first in (0, LOOK - 1, LOOK, LOOK + 1, jobs - 1):
        key = np.full(jobs, 7, np.int64)
        key[first] = 3
        plan = m.plan(keys=(key,))
        assert list(promises(plan)) == [10 + first]
