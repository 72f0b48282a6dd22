import Foundation
import Testing

/// The folder of the package.
let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

/// The built program, which lies beside the tests' own executable.
let program: String = {
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let beside = (tests as NSString).deletingLastPathComponent + "/chexgen"
    return FileManager.default.isExecutableFile(atPath: beside) ? beside : packageRoot + "/.build/release/chexgen"
}()

/// The program in a process of its own, with files for what it prints.
final class Child {
    /// How a process ended.
    struct Outcome {
        /// The exit status; 128 and the signal's number where a signal ended it, as shells have it.
        let status: Int32
        let output: String
        let errors: String

        /// Everything that it printed.
        var text: String { output + errors }
    }

    private let process: pid_t
    private let prefix: String
    private static let counter = Counter()

    /// Starts the program in a folder.
    /// - Parameter shell: the command of a shell that becomes the program, which stands in it as `"$@"`.
    init(_ arguments: [String], in folder: Scratch, input: String? = nil, shell: String = "exec \"$@\"") throws {
        let words = ["/bin/sh", "-c", "cd \"$0\" && \(shell)", folder.path, program] + arguments
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
    static func run(
        _ arguments: [String], in folder: Scratch, input: String? = nil, shell: String = "exec \"$@\""
    ) throws -> Outcome {
        try Child(arguments, in: folder, input: input, shell: shell).wait()
    }

    /// Sends a signal.
    func signal(_ number: Int32) { kill(process, number) }

    /// What it has printed to standard output by now.
    var output: String { (try? String(contentsOfFile: prefix + ".out", encoding: .utf8)) ?? "" }

    /// The most memory that it ever held, in bytes; 0 when it has ended. The system's figure for an ended child is of no
    /// use here, as it begins with the memory of the process that started it.
    var peak: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        return status.firstMatch(of: #/VmHWM:\s+(\d+) kB/#).flatMap { Int($0.output.1) }.map { $0 * 1024 } ?? 0
    }

    /// Waits until a condition holds or the process has ended, and says whether it holds.
    func waits(until condition: () -> Bool) -> Bool {
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
    func wait() throws -> Outcome {
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

/// Folders that all tests of a process share, removed at its end.
private enum SharedFolders {
    private nonisolated(unsafe) static var paths: [String] = []
    private static let lock = NSLock()
    private static let removal: Void = {
        atexit { SharedFolders.removeAll() }
    }()

    static func add(_ path: String) {
        _ = removal
        lock.withLock { paths.append(path) }
    }

    private static func removeAll() {
        for path in lock.withLock({ paths }) { try? FileManager.default.removeItem(atPath: path) }
    }
}

/// A folder for one test, removed with it.
final class Scratch: Sendable {
    let path: String

    /// - Parameter isShared: that it stays until the process ends.
    init(isShared: Bool = false) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("chexgen-cli-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if isShared { SharedFolders.add(path) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }

    func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    /// The size of a file, 0 where there is none.
    func size(_ name: String) -> Int {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? Int(status.st_size) : 0
    }

    /// Flips one bit of a file.
    func flip(_ name: String, byte: Int) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: "\(path)/\(name)"))
        try file.seek(toOffset: UInt64(byte))
        let old = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(byte))
        try file.write(contentsOf: [old ^ 1])
        try file.close()
    }

    /// Cuts a file.
    func cut(_ name: String, to size: Int) throws { try #require(truncate("\(path)/\(name)", size) == 0) }
}
