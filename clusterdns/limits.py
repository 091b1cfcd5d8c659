"""Every limit of the suite in one table: name, default, minimum, maximum, unit and where the number comes from.

A module that needs a number takes it from here, so that an operator's value is checked in one way everywhere
and the reference in docs/ can be made from the table.
"""

from __future__ import annotations

from clusterdns.limit import Limit

# Messages.
NAME_BYTES = Limit("name length", 255, 1, 255, "bytes", "RFC 1035 section 3.1")
LABEL_BYTES = Limit("label length", 63, 1, 63, "bytes", "RFC 1035 section 3.1")
UDP_PLAIN_BYTES = Limit("UDP answer without EDNS", 512, 512, 512, "bytes", "RFC 1035 section 4.2.1")
UDP_EDNS_BYTES = Limit("UDP answer with EDNS", 1232, 512, 4096, "bytes", "DNS flag day 2020, CoreDNS bufsize")
TCP_MESSAGE_BYTES = Limit("TCP message", 65535, 12, 65535, "bytes", "RFC 1035 section 4.2.2")
CNAME_CHAIN = Limit("CNAME chain", 10, 1, 10, "records", "CoreDNS kubernetes")

# Packet cache and message cache.
PACKET_CACHE_ENTRIES = Limit("packet cache", 16384, 0, 1048576, "entries", "this project, sized as the kernel map")
PACKET_CACHE_SECONDS = Limit("packet cache lifetime", 30, 1, 3600, "seconds", "this project, cap of the kernel map")
CACHE_ENTRIES = Limit("cache capacity", 9984, 1024, 10485760, "entries", "CoreDNS cache")
CACHE_SUCCESS_SECONDS = Limit("cache success TTL", 3600, 0, 604800, "seconds", "CoreDNS cache, RFC 8767 section 4")
CACHE_DENIAL_SECONDS = Limit("cache denial TTL", 1800, 0, 10800, "seconds", "CoreDNS cache, RFC 2308 section 5")
CACHE_MINIMUM_SECONDS = Limit("cache minimum TTL", 5, 0, 3600, "seconds", "CoreDNS cache")

# Listeners.
UDP_BATCH = Limit("datagrams per wake-up", 64, 1, 4096, "datagrams", "this project, measured")
UDP_QUERY_BYTES = Limit("UDP query", 4096, 512, 65535, "bytes", "RFC 6891 section 6.2.5")
TCP_CONNECTIONS = Limit("TCP connections", 1024, 1, 65536, "connections", "RFC 7766 section 6.1")
TCP_IDLE_SECONDS = Limit("TCP idle timeout", 10, 1, 3600, "seconds", "RFC 7766 section 6.2.3, CoreDNS timeouts")
TCP_PIPELINE = Limit("queries in flight per TCP connection", 256, 1, 65535, "queries", "RFC 7766 section 6.2.1.1")
QUERIES_IN_FLIGHT = Limit("queries in flight", 10000, 1, 1000000, "queries", "this project")

# Upstreams.
UPSTREAMS = Limit("upstreams per forward", 15, 1, 15, "upstreams", "CoreDNS forward")
# A client waits for 5 s (resolv.conf(5)), some for 2 s or less, and asks again then. An error within that time lets it,
# or our cache with a stale answer, go on; an answer that comes later reaches nobody.
FORWARD_SECONDS = Limit("forward total", 1.8, 0.1, 30, "seconds", "this project: below 2 s")
FORWARD_TRY_SECONDS = Limit("read_timeout", 0.6, 0.05, 30, "seconds", "this project: three tries in the total")
FORWARD_CONNECTIONS = Limit("connections per upstream", 2, 1, 64, "connections", "RFC 7766 section 6.2.2")
FORWARD_IDLE_SECONDS = Limit("upstream connection idle", 10, 1, 3600, "seconds", "CoreDNS forward expire")

# Kubernetes.
KUBERNETES_TTL = Limit("kubernetes ttl", 5, 0, 3600, "seconds", "CoreDNS kubernetes")

# Daemons.
BACKGROUND_RESTART_SECONDS = Limit(
    "pause before a failed background task restarts", 1, 1, 30, "seconds", "this project"
)

# PrivateZone, as its documentation states it, and the emulator that enforces it.
PRIVATEZONE_ZONES = Limit("PrivateZone zones", 500, 1, 500, "zones per account", "PrivateZone quotas")
PRIVATEZONE_ZONE_VPCS = Limit("PrivateZone VPCs", 100, 0, 100, "VPCs per zone", "PrivateZone quotas")
PRIVATEZONE_ZONE_RECORDS = Limit("PrivateZone records", 100000, 0, 100000, "records per zone", "PrivateZone quotas")
PRIVATEZONE_PAGE_SIZE = Limit("PrivateZone page size", 20, 1, 100, "rows", "pvtz 2018-01-01 DescribeZoneRecords")
PRIVATEZONE_PAGE_NUMBER = Limit("PrivateZone page number", 1, 1, 1000000, "pages", "pvtz 2018-01-01")
PRIVATEZONE_PRIORITY = Limit("MX priority", 10, 1, 99, "", "pvtz 2018-01-01 AddZoneRecord")
PRIVATEZONE_WEIGHT = Limit("record weight", 1, 0, 100, "", "pvtz 2018-01-01 UpdateZoneRecordWeight")
PRIVATEZONE_WEIGHTED_ROWS = Limit("weighted set", 100, 1, 100, "records", "PrivateZone weights")
PRIVATEZONE_REMARK_CHARACTERS = Limit("remark", 0, 0, 50, "characters", "pvtz 2018-01-01 UpdateRecordRemark")
PRIVATEZONE_TXT_CHARACTERS = Limit("TXT value", 255, 1, 255, "characters", "pvtz 2018-01-01 AddZoneRecord")
PRIVATEZONE_TOKEN_CHARACTERS = Limit("ClientToken", 64, 1, 64, "ASCII characters", "pvtz 2018-01-01")
PRIVATEZONE_TOKEN_SECONDS = Limit("ClientToken memory", 86400, 60, 604800, "seconds", "this project")
PRIVATEZONE_SIGNATURE_SECONDS = Limit("signature age", 900, 1, 900, "seconds", "Alibaba Cloud signature V3")
PRIVATEZONE_NONCES = Limit("remembered nonces", 1048576, 1, 16777216, "nonces", "this project")
PRIVATEZONE_CHANGE_LOGS = Limit("change log", 100000, 1, 10000000, "rows", "this project")
EMULATOR_LATENCY_SECONDS = Limit("emulated latency", 0, 0, 60, "seconds", "this project")
PRIVATEZONE_QPS = Limit("API quota", 20, 0.1, 100000, "calls per second", "former quota of AddZoneRecord")
PRIVATEZONE_THREADS = Limit(
    "API calls under way at once", 8, 1, 64, "calls", "this project: enough for 20 a second that take 400 ms"
)
PRIVATEZONE_RATE = Limit(
    "API calls", 15, 0.5, 1000, "calls per second", "this project: AddZoneRecord was known to allow 20"
)
PRIVATEZONE_CONNECT_SECONDS = Limit("wait for a connection to the API", 5, 1, 60, "seconds", "this project")
PRIVATEZONE_READ_SECONDS = Limit("wait for an answer of the API", 10, 1, 60, "seconds", "this project")
PRIVATEZONE_TRIES = Limit("tries of a call that fails", 5, 1, 100, "tries", "this project")
PRIVATEZONE_RETRY_SECONDS = Limit(
    "pause before a call is tried again", 0.2, 0.2, 10, "seconds", "this project: doubles"
)
PRIVATEZONE_THROTTLED_SECONDS = Limit(
    "a throttled call is tried again", 600, 1, 86400, "seconds", "this project: throttling is no record's fault"
)
PRIVATEZONE_BREAKER_FAILURES = Limit(
    "failed writes in a row that stop the writes to a zone", 5, 1, 1000, "writes", "this project"
)
PRIVATEZONE_BREAKER_SECONDS = Limit(
    "pause of the writes to a zone that refuses all", 5, 1, 300, "seconds", "this project: doubles"
)
PRIVATEZONE_BODY_BYTES = Limit("API request body", 65536, 0, 1048576, "bytes", "this project: the SDK sends none")
EMULATOR_NEGATIVE_SECONDS = Limit("emulator negative TTL", 5, 0, 10800, "seconds", "RFC 2308 section 5, this project")

# Kubernetes watches.
KUBE_LIST_PAGE = Limit("objects per list page", 500, 1, 10000, "objects", "client-go pager")
KUBE_SEND_SECONDS = Limit("Kubernetes write", 5, 1, 60, "seconds", "client-go leader election: half of RenewDeadline")
KUBE_PAGE_BYTES = Limit(
    "list page after which the next one has fewer objects", 8388608, 65536, 268435456, "bytes", "this project"
)
KUBE_LIST_SECONDS = Limit("time for one list page", 60, 1, 600, "seconds", "API server --request-timeout")
KUBE_CONNECT_SECONDS = Limit("time to connect to the API server", 10, 1, 60, "seconds", "this project")
KUBE_WATCH_SECONDS = Limit("shortest watch asked for", 300, 10, 3600, "seconds", "client-go reflector")
KUBE_WATCH_SILENCE_SECONDS = Limit(
    "watch without event or bookmark", 150, 30, 3600, "seconds", "this project: API servers send a bookmark a minute"
)
KUBE_COMPARE_SECONDS = Limit("shortest time between lists", 3600, 300, 604800, "seconds", "this project")
KUBE_WATCH_BRIEF_SECONDS = Limit("watch closed at once", 1, 0, 60, "seconds", "client-go reflector")
KUBE_WATCH_LINE_BYTES = Limit(
    "one watch event", 16777216, 1048576, 268435456, "bytes", "this project: etcd holds objects of up to 1.5 MB"
)
KUBE_READ_BYTES = Limit("bytes of a watch read ahead", 65536, 4096, 16777216, "bytes", "this project, measured")
KUBE_TURN_SECONDS = Limit(
    "events of a watch before queries get their turn", 0.001, 0.0001, 1, "seconds", "this project, measured"
)
KUBE_UNREADABLE_SAID = Limit("unreadable objects of a kind that the log names", 10, 0, 1000, "objects", "this project")
KUBE_BACKOFF_SECONDS = Limit("first pause after a failed request", 0.8, 0.1, 60, "seconds", "client-go reflector")
KUBE_BACKOFF_MAXIMUM_SECONDS = Limit(
    "longest pause after failed requests", 30, 1, 600, "seconds", "client-go reflector"
)
KUBE_FAILURES = Limit("failures in a row until a first list is not waited for", 3, 1, 100, "failures", "this project")

# Corefile.
PORT = Limit("port", 53, 0, 65535, "", "RFC 768 (0: any free port)")
COREFILE_DEPTH = Limit("nested blocks of a Corefile", 16, 1, 16, "blocks", "this project")
COREFILE_IMPORTS = Limit("imports of a Corefile", 1000, 0, 1000, "imports", "this project")
CACHE_PREFETCH_AMOUNT = Limit("prefetch amount", 0, 0, 1000000, "queries", "CoreDNS cache")
CACHE_PREFETCH_SECONDS = Limit("prefetch window", 60, 0, 86400, "seconds", "CoreDNS cache")
CACHE_PREFETCH_PERCENT = Limit("prefetch percentage", 10, 10, 90, "%", "CoreDNS cache")
CACHE_STALE_SECONDS = Limit("serve_stale duration", 3600, 0, 604800, "seconds", "CoreDNS cache, RFC 8767 section 5")
CACHE_SERVFAIL_SECONDS = Limit("servfail duration", 5, 0, 300, "seconds", "CoreDNS cache, RFC 9520 section 3.2")
FORWARD_MAX_FAILS = Limit("max_fails", 2, 0, 1000000, "checks", "CoreDNS forward (0: never down)")
FORWARD_HEALTH_SECONDS = Limit("health_check", 0.5, 0.05, 3600, "seconds", "CoreDNS forward")
FORWARD_MAX_CONCURRENT = Limit("max_concurrent", 0, 0, 1000000, "queries", "CoreDNS forward (0: no limit)")
FORWARD_MAX_AGE_SECONDS = Limit("max_age", 0, 0, 86400, "seconds", "CoreDNS forward (0: no limit)")
FORWARD_MAX_IDLE_CONNECTIONS = Limit("max_idle_conns", 0, 0, 65536, "connections", "CoreDNS forward (0: no limit)")
FORWARD_MAX_ATTEMPTS = Limit("max_connect_attempts", 0, 0, 1000, "attempts", "CoreDNS forward (0: no limit)")
HEALTH_LAMEDUCK_SECONDS = Limit("lameduck", 0, 0, 3600, "seconds", "CoreDNS health")
HOSTS_TTL = Limit("hosts ttl", 3600, 1, 65535, "seconds", "CoreDNS hosts")
HOSTS_RELOAD_SECONDS = Limit("hosts reload", 5, 0, 86400, "seconds", "CoreDNS hosts (0: never)")
RELOAD_SECONDS = Limit("reload interval", 30, 2, 86400, "seconds", "CoreDNS reload")
RELOAD_JITTER_SECONDS = Limit("reload jitter", 15, 0, 43200, "seconds", "CoreDNS reload")
ERRORS_CONSOLIDATE_SECONDS = Limit("consolidate", 30, 0.001, 86400, "seconds", "CoreDNS errors")
LOG_MINIMUM_SECONDS = Limit("log minDuration", 0, 0, 3600, "seconds", "CoreDNS log")

# Forwarding.
FORWARD_PIPELINE = Limit("queries in flight per upstream connection", 5000, 1, 32768, "queries", "this project")
FORWARD_BUSY = Limit(
    "queries in flight before another connection is opened", 64, 1, 32768, "queries", "this project, measured"
)
FORWARD_UDP_SOCKETS = Limit("UDP sockets per upstream", 8, 1, 64, "sockets", "this project, RFC 5452 section 9.2")
FORWARD_UDP_SOCKET_QUERIES = Limit(
    "queries before a UDP socket is replaced", 256, 1, 65536, "queries", "this project, RFC 5452 section 9.2"
)
FORWARD_UDP_ANSWER_BYTES = Limit(
    "UDP answer received", 4096, 1232, 65535, "bytes", "above the 1,232 asked for, as CoreDNS"
)
FORWARD_READ_BYTES = Limit("one read of an upstream connection", 65536, 512, 1048576, "bytes", "this project, measured")
FORWARD_ROUNDS = Limit("tries of each upstream per query", 2, 1, 10, "tries", "CoreDNS forward max_connect_attempts")
FORWARD_AVOID_SECONDS = Limit("a failed upstream is asked last", 2, 0, 60, "seconds", "this project")
FORWARD_TICK_SECONDS = Limit("resolution of forwarding deadlines", 0.02, 0.001, 1, "seconds", "this project")
FORWARD_STALL_SECONDS = Limit(
    "silence of a connection before another one is used", 0.1, 0.01, 30, "seconds", "this project"
)
FORWARD_CHECK_SECONDS = Limit("answer to a health check", 1, 0.05, 30, "seconds", "CoreDNS forward")
FORWARD_HEDGE_FLOOR_SECONDS = Limit(
    "earliest second message for a slow answer", 0.02, 0.001, 30, "seconds", "this project: one tick"
)
FORWARD_HEDGE_CAP_SECONDS = Limit("latest second message for a slow answer", 0.3, 0.001, 30, "seconds", "this project")
FORWARD_HEDGE_SAMPLES = Limit("answers from which a p99 is taken", 128, 16, 65536, "answers", "this project")
FORWARD_HEDGE_IDLE_SECONDS = Limit(
    "age of a p99, and time for its answers", 30, 1, 3600, "seconds", "this project: an idle server does not hedge"
)
FORWARD_HEDGE_SHARE = Limit("second messages among all", 0.05, 0, 1, "messages per query", "this project")
FORWARD_HEDGE_BURST = Limit("second messages at once", 20, 0, 10000, "messages", "this project")
FORWARD_FOLLOW_SECONDS = Limit("look at a resolv.conf again", 5, 1, 3600, "seconds", "this project")

# The cluster's zones.
KUBERNETES_STARTUP_SECONDS = Limit("startup_timeout", 5, 0, 3600, "seconds", "CoreDNS kubernetes")
KUBERNETES_RELOAD_SECONDS = Limit(
    "wait of a reload for the API server", 60, 60, 60, "seconds", "this project: what runs answers meanwhile"
)
TRANSFER_MESSAGE_BYTES = Limit(
    "message of a zone transfer", 16384, 512, 65535, "bytes", "this project: names are compressed no further"
)
TRANSFER_NOTIFY_SECONDS = Limit("shortest time between two NOTIFY of a zone", 5, 1, 3600, "seconds", "this project")
TRANSFER_NOTIFY_RETRY_SECONDS = Limit(
    "NOTIFY without an answer is sent again", 2, 1, 60, "seconds", "this project: doubled each time"
)
TRANSFER_NOTIFY_TRIES = Limit("messages for one NOTIFY", 5, 1, 10, "messages", "RFC 1996 section 3.6")
KUBERNETES_QPS = Limit("apiserver_qps", 0, 0, 100000, "requests per second", "CoreDNS kubernetes (0: no limit)")
KUBERNETES_BURST = Limit("apiserver_burst", 1, 1, 100000, "requests", "CoreDNS kubernetes")
KUBERNETES_MAX_INFLIGHT = Limit("apiserver_max_inflight", 0, 0, 100000, "requests", "CoreDNS kubernetes (0: no limit)")

# Turns of the event loop.
TCP_BATCH = Limit("queries of a TCP connection per wake-up", 64, 1, 4096, "queries", "this project, as for UDP")

KUBE_EVENTS_WAITING = Limit("events that wait to be posted", 1000, 1, 1000000, "events", "this project")

# Leader election, as client-go does it.
LEASE_SECONDS = Limit("a Lease that is not renewed is free", 15, 1, 3600, "seconds", "client-go LeaseDuration")
LEASE_RENEW_SECONDS = Limit("a leader that can't renew leads on", 10, 1, 3600, "seconds", "client-go RenewDeadline")
LEASE_RETRY_SECONDS = Limit("pause between two looks at the Lease", 2, 0.1, 600, "seconds", "client-go RetryPeriod")

# externaldns: when names are looked at, and how many records may go.
EXTERNALDNS_GATHER_SECONDS = Limit("silence that ends a burst of changes", 0.2, 0, 60, "seconds", "this project")
EXTERNALDNS_GATHER_WAIT_SECONDS = Limit("longest wait for a burst to end", 0.5, 0, 60, "seconds", "this project")
EXTERNALDNS_RETRY_SECONDS = Limit("pause before a name that failed is tried again", 1, 1, 300, "seconds", "doubles")
EXTERNALDNS_DELETE_FLOOR = Limit(
    "deletions that --max-delete-percent always allows", 10, 0, 1000000, "records per zone", "this project"
)
EXTERNALDNS_EMPTY_ZONE = Limit(
    "records of a zone that may all be deleted at once", 3, 0, 1000, "records", "this project"
)
EXTERNALDNS_DELETE_WINDOW_SECONDS = Limit(
    "time over which deletions are counted", 600, 1, 86400, "seconds", "this project"
)
WEBHOOK_BODY_BYTES = Limit(
    "webhook body", 33554432, 1024, 1073741824, "bytes", "ExternalDNS --webhook-provider-max-body-size"
)
WEBHOOK_TRIES = Limit("tries to reach a webhook provider at first", 5, 1, 100, "tries", "ExternalDNS")
EXTERNALDNS_HOST_SECONDS = Limit(
    "time for which a load balancer's addresses are kept, if their TTL is longer", 60, 5, 60, "seconds", "this project"
)
EXTERNALDNS_HOST_LOOK_UPS = Limit("load balancers' hosts looked up at once", 10, 1, 1000, "hosts", "this project")
EXTERNALDNS_HOST_WAIT_SECONDS = Limit(
    "longest wait for all load balancers' hosts at the start", 10, 0, 600, "seconds", "this project"
)
PROPAGATION_NAMES = Limit("names whose propagation is checked at once", 100, 1, 100000, "names", "this project")
PROPAGATION_SECONDS = Limit("longest wait for a new answer", 60, 1, 3600, "seconds", "this project: the default TTL")
PROPAGATION_PAUSE_SECONDS = Limit("pause between two questions for it", 0.1, 0.1, 5, "seconds", "doubles each time")
EXTERNALDNS_HUNG_SECONDS = Limit("a loop that does not come round is hung", 900, 60, 86400, "seconds", "this project")
EXTERNALDNS_TOLD_NAMES = Limit(
    "names that fail in one run and are logged one by one", 10, 1, 100000, "names", "this project"
)
EXTERNALDNS_REMEMBERED_ERRORS = Limit(
    "names whose last error is remembered, so as not to tell it again", 20000, 1, 1000000, "names", "this project"
)
EXTERNALDNS_BATCH_NAMES = Limit(
    "names that are changed before the lease is confirmed again", 20, 1, 100000, "names", "this project"
)

# nodelocal's flags and what it makes its Corefile of.
NODELOCAL_SYNC_SECONDS = Limit("syncinterval", 60, 1, 86400, "seconds", "node-cache -syncinterval")
UPSTREAM_NAMESERVERS = Limit("upstreamNameservers", 0, 0, 3, "servers", "kube-dns ConfigMap")
CONFIG_POLL_SECONDS = Limit("how often mounted ConfigMaps are looked at", 1, 1, 60, "seconds", "this project")
CONFIG_RETRY_SECONDS = Limit(
    "how often a Corefile that could not be made is tried anew", 10, 1, 600, "seconds", "node-cache's sync period"
)

# HTTP endpoints, and sockets that can't be had yet.
HTTP_RETRY_SECONDS = Limit("try again to serve HTTP", 2, 0.1, 60, "seconds", "this project")
LISTEN_RETRY_SECONDS = Limit(
    "pause before an address that is taken is tried again", 0.5, 0.5, 8, "seconds", "this project: doubles"
)
DRAIN_SECONDS = Limit("answers of what has come before the end", 5, 5, 5, "seconds", "a client waits no longer")
DRAIN_QUIET_SECONDS = Limit("silence that ends a server that is to end", 0.2, 0.2, 0.2, "seconds", "this project")
HEALTH_CHECK_SECONDS = Limit("self-check of health", 1, 1, 60, "seconds", "CoreDNS health")
HEALTH_FAILED_CHECKS = Limit(
    "failed self-checks before /health says so", 3, 1, 60, "checks", "this project: a datagram may be lost"
)

# Directives that change questions and answers.
PATTERN_CHARACTERS = Limit("regular expression", 10000, 1, 10000, "characters", "CoreDNS rewrite, template and errors")
BUFSIZE = Limit("bufsize", 1232, 512, 4096, "bytes", "CoreDNS bufsize, RFC 6891 section 6.2.5")
LOADBALANCE_RELOAD_SECONDS = Limit("loadbalance reload", 30, 0, 86400, "seconds", "CoreDNS loadbalance (0: never)")
LOADBALANCE_WEIGHT = Limit("weight of an address", 1, 1, 255, "", "CoreDNS loadbalance")
LOADBALANCE_ANSWERS = Limit("limit_answers", 0, 0, 65535, "records", "CoreDNS loadbalance (0: all)")
REWRITE_TTL = Limit("ttl", 0, 0, 2147483647, "seconds", "RFC 2181 section 8")
EXTENDED_ERROR = Limit("ederror", 0, 0, 65535, "", "RFC 8914 section 4 (INFO-CODE)")
ANY_TTL = Limit("TTL of the answer to ANY", 8482, 0, 2147483647, "seconds", "CoreDNS any, RFC 8482 section 4.2")
LOCAL_TTL = Limit("TTL of local names", 604800, 0, 2147483647, "seconds", "CoreDNS local")
DNS64_TTL = Limit("longest TTL of a DNS64 answer without SOA", 600, 0, 600, "seconds", "RFC 6147 section 5.1.7")
RECORD_TTL = Limit("TTL of a record in text", 3600, 0, 2147483647, "seconds", "CoreDNS template")

# What the cache directive keeps beyond the life of an answer.
CACHE_STALE_TTL_SECONDS = Limit("serve_stale TTL", 30, 0, 3600, "seconds", "RFC 8767 section 4")
CACHE_CLIENT_RESPONSE_SECONDS = Limit(
    "verify timeout", 0.1, 0, 5, "seconds", "this project; RFC 8767 section 5: 1.8 at most (0: wait)"
)
CACHE_RECHECK_SECONDS = Limit("serve_stale recheck", 30, 0, 300, "seconds", "RFC 8767 section 5, CoreDNS cache")
CACHE_PROBE_SECONDS = Limit(
    "pause between questions that see whether silent upstreams are back", 1, 0.1, 30, "seconds", "this project"
)
CACHE_SILENCE_SECONDS = Limit("failure without an answer is kept", 1, 0, 5, "seconds", "RFC 9520 section 3.2")
CACHE_CLUSTER_DENIAL_SECONDS = Limit(
    "denial TTL of the cluster's zones", 2, 0, 10800, "seconds", "this project: a new Service is seen at once"
)

# The node's link and rules.
INTERCEPTION_ALIVE_SECONDS = Limit(
    "a DNS address counts as answered after an answer", 1.5, 1.5, 1.5, "seconds", "this project"
)
INTERCEPTION_ASK_SECONDS = Limit("pause between questions to ourselves", 0.5, 0.5, 0.5, "seconds", "this project")
INTERCEPTION_FLOW_SECONDS = Limit(
    "silence after which a client that was sent past us is forgotten", 30, 30, 30, "seconds", "as conntrack, for UDP"
)
INTERCEPTION_LEAVE_SECONDS = Limit(
    "clients go to cluster DNS after an orderly end", 600, 600, 600, "seconds", "this project: longer than an update"
)
INTERCEPTION_ENDPOINTS = Limit("cluster DNS servers in the node's rules", 32, 1, 32, "servers", "this project")
INTERCEPTION_STEP_SECONDS = Limit("one change of the node's link or rules", 5, 0.1, 60, "seconds", "this project")
INTERCEPTION_RETRY_SECONDS = Limit(
    "pause before a failed change of the node's link or rules is tried anew", 5, 0.1, 60, "seconds", "this project"
)
INTERCEPTION_SETTLE_SECONDS = Limit(
    "pause before changes to the node's link are looked at", 0.2, 0, 10, "seconds", "this project"
)

# TCP connections, as `timeouts` sets them; without it each is the idle timeout.
TCP_READ_SECONDS = Limit("TCP read timeout", 10, 1, 3600, "seconds", "CoreDNS timeouts")
TCP_WRITE_SECONDS = Limit("TCP write timeout", 10, 1, 3600, "seconds", "CoreDNS timeouts")
TCP_QUERIES = Limit("maxtcpqueries", 0, 0, 1000000, "queries", "CoreDNS timeouts (0: no limit)")

# The search walk.
AUTOPATH_DECISION_SECONDS = Limit(
    "the questions of one look-up share one search", 2, 0, 30, "seconds", "this project: as denials of the cluster live"
)
AUTOPATH_LATER_SECONDS = Limit(
    "AAAA comes so much later than an A that a cache answered", 0.25, 0, 2, "seconds", "this project"
)
AUTOPATH_PAIR_SECONDS = Limit(
    "A waits for its AAAA, or the other way round", 5, 0, 30, "seconds", "resolv.conf(5), timeout"
)
AUTOPATH_DECISIONS = Limit("searches remembered", 16384, 1, 1048576, "searches", "this project: 10 MB")
AUTOPATH_VIEWS = Limit(
    "clients whose view is known without looking for their pod", 16384, 1, 1048576, "clients", "this project: 3 MB"
)
AUTOPATH_DENIALS = Limit("names remembered of searches that failed", 4096, 1, 1048576, "names", "this project: 4 MB")

# Upstreams that are names of hosts.
FORWARD_NAME_SECONDS = Limit(
    "an upstream's name is looked up again", 30, 5, 300, "seconds", "this project: when its TTL ends, within these"
)
FORWARD_LOOK_UP_SECONDS = Limit("one try to look up an upstream's name", 2, 0.1, 30, "seconds", "this project")
FORWARD_LOOK_UP_TRIES = Limit("tries to look up an upstream's name", 2, 1, 10, "tries", "this project")

# Several processes that answer as one server.
PROCESSES = Limit("multisocket", 1, 1, 1024, "processes", "CoreDNS multisocket")
PROCESS_ANSWER_SECONDS = Limit("a process says how it is", 0.8, 0.1, 30, "seconds", "this project: probes wait 1 s")
PROCESS_START_SECONDS = Limit("a new process answers", 10, 1, 300, "seconds", "this project")
SHARED_TABLE_BYTES = Limit(
    "what the processes know of one cluster",
    1073741824,
    2097152,
    34359738368,
    "bytes",
    "this project: 5,000,000 pods and endpoints; taken as it is needed",
)
CHANGED_SUBJECTS = Limit("Services in one notice of changes", 1024, 1, 65536, "Services", "this project: 64 KB")
SHARED_ROWS = Limit("Services that a process keeps decoded", 1024, 1, 1048576, "Services", "this project: 2 MB")

# Loops.
LOOP_SECONDS = Limit("an upstream is asked whether it loops", 30, 1, 3600, "seconds", "CoreDNS loop")
LOOP_RETRY_SECONDS = Limit("pause before it is asked again", 2, 1, 3600, "seconds", "CoreDNS loop")
LOOP_RECHECK_SECONDS = Limit("look again at an upstream that looped", 30, 1, 3600, "seconds", "this project")

# Metrics.
EXCHANGES = Limit(
    "kinds of exchanges that are counted with exact sizes", 4096, 1, 1048576, "kinds", "this project: 1 MB"
)
