import Foundation

/// Where a test finds what lies in this repository, and beside it.
public enum Places {
    /// The folder of the package.
    public static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A folder of what the scripts of `Tests/Parity` wrote; the environment's `CHEXGEN_FIXTURES` names another folder of
    /// such folders, so that freshly made ones can be tried.
    public static func fixtures(_ folder: String) -> String {
        let all = ProcessInfo.processInfo.environment["CHEXGEN_FIXTURES"] ?? package + "/Tests/Parity/fixtures"
        return all + "/" + folder
    }

    /// The folder of real radiographs with `annotations.csv` and `files`, where this machine has one beside the package; the
    /// environment's `CHEXGEN_RADIOGRAPHS` names another.
    public static let radiographs: String? = {
        let beside = (package as NSString).deletingLastPathComponent + "/shared/cxr"
        let folder = ProcessInfo.processInfo.environment["CHEXGEN_RADIOGRAPHS"] ?? beside
        return FileManager.default.fileExists(atPath: folder + "/files") ? folder : nil
    }()
}
