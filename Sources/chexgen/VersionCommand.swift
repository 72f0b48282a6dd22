import Launcher

extension Command {
    /// `chexgen version`.
    static let version = Command(name: "version", about: "print the version", exits: [.done, .usage]) { _ in
        print("chexgen \(Doctor.version)")
        return .done
    }
}
