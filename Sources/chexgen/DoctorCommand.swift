import BuildIdentity
import Launcher
import Runs

/// `chexgen doctor`: what is on this machine, and one line on what to do about what is not.
enum DoctorCommand {
    static func run(_ words: [String]) throws -> Int32 {
        guard try CommandLineOptions(words, options: []).positional.isEmpty else {
            throw UsageError("chexgen doctor takes no file")
        }
        for (name, text) in Doctor.findings(build: BuildIdentity.sources) {
            print(name + String(repeating: " ", count: max(1, 16 - name.count)) + text)
        }
        return ExitStatus.done.rawValue
    }
}
