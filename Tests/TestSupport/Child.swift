import Foundation
import Testing

/// The program `chexgen` in a process of its own, with files for what it prints.
public final class Child {
    /// How a process ended.
    public struct Outcome: Sendable {
        /// The exit status; 128 and the signal's number where a signal ended it, as shells have it.
        public let status: Int32
        /// What it printed to standard output.
        public let output: String
        /// What it printed to standard error.
        public let errors: String

        /// Everything that it printed.
        public var text: String { output + errors }
    }

    /// The built program, which lies beside the tests' own executable: test targets that start it depend on it.
    public static let program: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent + "/chexgen"
    }()

    private let process: pid_t
    private let prefix: String
    private static let counter = Counter()

    /// Starts the program in a folder.
    /// - Parameter shell: the command of a shell that becomes the program, which stands in it as `"$@"`.
    public init(_ arguments: [String], in folder: Scratch, input: String? = nil, shell: String = "exec \"$@\"") throws {
        let words = ["/bin/sh", "-c", "cd \"$0\" && \(shell)", folder.path, Child.program] + arguments
        prefix = "\(folder.path)/printed-\(Child.counter.next())"
        if let input { try Data(input.utf8).write(to: URL(fileURLWithPath: prefix + ".in")) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input == nil ? "/dev/null" : prefix + ".in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, prefix + ".out", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, prefix + ".err", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        // Threads of the tests block signals, and a child would inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // No cache and no weights of the user's.
        let environment = [
            "PATH=/usr/bin:/bin", "HOME=\(folder.path)", "CHEXGEN_CACHE=\(folder.path)/cache",
        ]
        var argv = words.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, words[0], &actions, &attributes, &argv, &envp)
        try #require(code == 0, "\(words[0]) cannot be started: \(String(cString: strerror(code)))")
        process = identifier
    }

    /// Starts the program and waits for its end.
    public static func run(
        _ arguments: [String], in folder: Scratch, input: String? = nil, shell: String = "exec \"$@\""
    ) throws -> Outcome {
        try Child(arguments, in: folder, input: input, shell: shell).wait()
    }

    /// Sends a signal.
    public func signal(_ number: Int32) { kill(process, number) }

    /// What it has printed to standard output by now.
    public var output: String { (try? String(contentsOfFile: prefix + ".out", encoding: .utf8)) ?? "" }

    /// The most memory that it ever held, in bytes; 0 when it has ended. The system's figure for an ended child is of no
    /// use here, as it begins with the memory of the process that started it.
    public var peak: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        return status.firstMatch(of: #/VmHWM:\s+(\d+) kB/#).flatMap { Int($0.output.1) }.map { $0 * 1024 } ?? 0
    }

    /// Waits until a condition holds or the process has ended, and says whether it holds.
    public func waits(until condition: () -> Bool) -> Bool {
        while !condition() {
            var information = siginfo_t()
            // Leaves the process to `wait`.
            waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
            if information.si_signo == SIGCHLD { return condition() }
            usleep(2000)
        }
        return true
    }

    /// Waits for the end.
    public func wait() throws -> Outcome {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { try #require(errno == EINTR) }
        let signal = status & 0x7F
        func text(_ ending: String) -> String {
            String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: prefix + ending))) ?? Data(), as: UTF8.self)
        }
        return Outcome(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: text(".out"), errors: text(".err"))
    }
}

/// Numbers for file names, from several tests at once.
private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0

    func next() -> Int {
        lock.withLock {
            value += 1
            return value
        }
    }
}
