import BuildIdentity
import Launcher

extension Command {
    /// `chexgen doctor`.
    static let doctor = Command(
        name: "doctor", about: "versions, CPU features, which weights are found where",
        text: ["What is missing stands there with the line that gets it."]
    ) { _ in
        for (name, text) in Doctor.findings(build: BuildIdentity.sources) {
            print(name + String(repeating: " ", count: max(1, 16 - name.count)) + text)
        }
        return .done
    }
}
