"""Fault injection: `./run faults` breaks what can break under a running company, and checks that nothing is lost.

A rig (`rig.py`) starts a PostgreSQL, a Valkey and two servers. The first server reaches them directly, the second one
through network links (`network_link.py`) that cut, stall and delay. A workload (`workload.py`) runs through each scene:
writers record wins and leads, take wins back, and repeat each write with its idempotency key until it is acknowledged;
watchers follow event streams and states over WebSockets, and connect again as the documentation tells clients to.

A scene (`scenes/`) breaks one thing while the workload runs. Then the writers stop, the watchers get time to reach the
state of the database, and the auditor (`auditor.py`) compares what was acknowledged and received with the tables:

    lost          acknowledged but not stored, or stored and never sent
    doubled       stored or sent twice
    phantom       sent but not stored, or stored without having been requested
    out of order  sent before something older

`docs/reliability.md` says what is promised and shows the result of a whole run.
"""
