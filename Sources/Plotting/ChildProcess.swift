import Dispatch
import Foundation
import Tensors

/// A program that reads its input and writes its output, and is killed when its time is over or a stop is requested.
struct ChildProcess {
    let program: String
    let arguments: [String]
    let timeLimit: Double
    /// More than any picture that may be asked for.
    static let mostOutput = 1 << 29
    private static let mostErrors = 1 << 16

    /// Runs the program and gives what it wrote.
    /// - Throws: `PlotError.failed` with its standard error where it fails, `PlotError.tooSlow`, `TensorError.stopped`.
    func run(input: [UInt8]) throws -> [UInt8] {
        // The ends of this process and of its child, for input, output and errors.
        var (own, others): ([Int32], [Int32]) = ([], [])
        defer { for descriptor in own + others { close(descriptor) } }
        for _ in 0..<3 {
            // Sockets rather than pipes: writing to one that is closed need not raise a signal.
            var pair: [Int32] = [-1, -1]
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
                throw PlotError.failed("no connection to it: \(String(cString: strerror(errno)))")
            }
            own.append(pair[0])
            others.append(pair[1])
        }
        let process = try start(others)
        for descriptor in others { close(descriptor) }
        others = []

        var exchange = Exchange(input: input, to: own[0], from: Array(own[1...]))
        own.removeFirst()
        defer { exchange.closeInput() }
        let deadline = DispatchTime.now() + timeLimit
        var status: Int32?
        do {
            while exchange.isOpen {
                try check(deadline)
                try exchange.step()
            }
            exchange.closeInput()
            // A program may close its output and go on.
            status = reap(process, WNOHANG)
            while status == nil {
                try check(deadline)
                usleep(1000)
                status = reap(process, WNOHANG)
            }
        } catch {
            // It has not been waited for, so that the number is still its own.
            kill(process, SIGKILL)
            _ = reap(process, 0)
            throw error
        }
        guard status == 0 else {
            try Cancellation.check()
            throw PlotError.failed(Self.summary(exchange.received[1]))
        }
        return exchange.received[0]
    }

    private func check(_ deadline: DispatchTime) throws {
        try Cancellation.check()
        if DispatchTime.now() > deadline { throw PlotError.tooSlow(timeLimit) }
    }

    private func start(_ standard: [Int32]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in standard.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        // Signals that this process ignores or blocks would stay so in its child.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let words = [program] + arguments
        let settings = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]
        var argv = words.map { strdup($0) } + [nil]
        var environment = settings.map { strdup($0) } + [nil]
        defer { for pointer in argv + environment { free(pointer) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &argv, &environment)
        guard code == 0 else {
            throw PlotError.failed("\(program) cannot be started: \(String(cString: strerror(code)))")
        }
        return process
    }

    /// The status of a process that has ended; nil while it runs.
    private func reap(_ process: pid_t, _ options: Int32) -> Int32? {
        var status: Int32 = 0
        while true {
            let found = waitpid(process, &status, options)
            if found == process { return status }
            if found == 0 { return nil }
            if errno != EINTR { return -1 }
        }
    }

    /// What a program said, on one line: without marks under the text and without empty lines.
    private static func summary(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && $0 != "^" }.suffix(4).joined(separator: " | ")
    }

    /// Bytes on their way to and from a process, so that neither waits for the other.
    private struct Exchange {
        let input: [UInt8]
        var sent = 0
        var target: Int32
        var sources: [Int32]
        var received: [[UInt8]] = [[], []]
        private var buffer = [UInt8](repeating: 0, count: 1 << 16)

        init(input: [UInt8], to target: Int32, from sources: [Int32]) {
            (self.input, self.target, self.sources) = (input, target, sources)
        }

        var isOpen: Bool { sources.contains { $0 >= 0 } }

        mutating func closeInput() {
            if target >= 0 { close(target) }
            target = -1
        }

        /// Moves what can be moved, or waits for a twentieth of a second.
        mutating func step() throws {
            var waits = sources.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            waits.append(pollfd(fd: target, events: Int16(POLLOUT), revents: 0))
            guard poll(&waits, nfds_t(waits.count), 50) > 0 else { return }
            if waits[2].revents != 0 { send() }
            for index in sources.indices where waits[index].revents != 0 { try receive(index) }
        }

        private mutating func send() {
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = input.withUnsafeBytes { bytes in
                Glibc.send(target, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, flags)
            }
            if count > 0 { sent += count }
            // A program that reads no more has failed; its status says so.
            let isBroken = count < 0 && errno != EAGAIN && errno != EINTR
            if sent == input.count || isBroken { closeInput() }
        }

        private mutating func receive(_ index: Int) throws {
            let count = read(sources[index], &buffer, buffer.count)
            if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
            guard count > 0 else {
                sources[index] = -1
                return
            }
            let room = (index == 0 ? ChildProcess.mostOutput : ChildProcess.mostErrors) - received[index].count
            if index == 0 && count > room { throw PlotError.failed("the picture is larger than 512 MiB") }
            received[index] += buffer.prefix(min(count, room))
        }
    }
}
