#!/bin/bash
# Makes the RDB files beside it, each by a real server: make.sh NAME SERVER ... where SERVER is a redis-server or valkey-server.
# make.sh redis-6.0 /usr/bin/redis-server   Needs redis-cli. What they hold is asked for in redis.rdb-files.engine.test.ts.
set -euo pipefail
cd "$(dirname "$0")"
while [ $# -gt 1 ]; do
  name=$1 server=$2
  shift 2
  dir=$(mktemp -d)
  port=$((20000 + RANDOM % 20000))
  "$server" --port "$port" --bind 127.0.0.1 --dir "$dir" --save "" --appendonly no > "$dir/log" 2>&1 &
  pid=$!
  cli() { redis-cli -p "$port" "$@" > /dev/null; }
  # What an older server does not know it refuses, and the file is without it.
  until redis-cli -p "$port" ping 2> /dev/null | grep -q PONG; do sleep 0.05; done
  cli set number -12345
  cli set packed "$(printf 'abc%.0s' {1..200})"
  cli set expiring x
  cli pexpireat expiring 4102444800123
  cli rpush list a b 1
  cli rpush long-list $(seq 1 600)
  cli sadd numbers 1 2 3
  cli sadd words a b
  cli sadd long-set $(printf 'm%s ' {1..600})
  cli hset hash f v
  cli hset long-hash $(printf 'f%s v ' {1..600})
  cli zadd zset 0.5 half -inf low
  cli zadd long-zset $(printf '%s m%s ' $(seq 1 600 | sed 's/.*/& &/'))
  cli xadd stream 1-1 f v
  cli xadd stream 2-1 f v
  cli xgroup create stream g 0
  cli xreadgroup group g alice count 1 streams stream '>'
  cli -n 3 set other db3
  cli -n 7 hset sessions a 1 b 2
  cli -n 7 hpexpireat sessions 4102444800123 fields 1 a
  cli function load "#!lua name=shop
redis.register_function('price', function() return 1 end)"
  cli save
  cp "$dir/dump.rdb" "$name.rdb"
  kill "$pid"
  wait "$pid" || true
  rm -r "$dir"
done
