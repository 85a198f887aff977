# A firewall for port 8090 at the server's machine, without any package: $1 is
# tcp or udp, $2 is prohibit (it rejects) or blackhole (it drops).
set -e
ip rule add pref 10 lookup local
ip rule del pref 0
# Who says no to others must be a router.
echo 1 >/proc/sys/net/ipv4/ip_forward
ip rule add pref 5 iif eth0 ipproto "$1" dport 8090 "$2"
