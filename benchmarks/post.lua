-- What wrk sends where something is posted: 1 KiB.
wrk.method = "POST"
wrk.body = string.rep("x", 1024)
