import Files
import Foundation

/// Finds weights on this machine: local paths, the Hugging Face cache, and torch hub's folder. Nothing is downloaded.
/// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
public enum HubCache {
    /// The path of a file or folder of weights.
    /// - Parameters:
    ///   - nameOrPath: a path, a Hub name (`microsoft/rad-dino`, with `@revision` behind it if not `main`), or the bare
    ///     name of a file of torch hub (`weights-inception-2015-12-05-6726825d.pth`).
    ///   - file: a file that must be within the folder, or nil for the folder (or single file) itself.
    ///   - environment: the environment variables that name the caches.
    /// - Throws: `CheckpointError.notFound` with every place that was looked at and how to get the file.
    public static func locate(
        _ nameOrPath: String, file: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> String {
        var looked: [String] = []
        func isThere(_ path: String) -> Bool {
            looked.append(path)
            return FileManager.default.fileExists(atPath: path)
        }
        func within(_ folder: String) -> String { file.map { "\(folder)/\($0)" } ?? folder }

        let path = expandingHome(nameOrPath, environment)
        if !path.isEmpty, isThere(within(path)) { return within(path) }

        let (name, revision) = split(nameOrPath)
        if let repository = repositoryFolder(name) {
            for root in hubRoots(environment) {
                let folder = "\(root)/\(repository)"
                guard FileManager.default.fileExists(atPath: folder) else {
                    looked.append(folder)
                    continue
                }
                guard let snapshot = snapshot(in: folder, revision: revision) else {
                    looked.append("\(folder)/refs/\(revision ?? "main") (no snapshot of that revision)")
                    continue
                }
                if isThere(within(snapshot)) { return within(snapshot) }
            }
        }
        let isBareFile = file == nil && !nameOrPath.contains("/") && nameOrPath.contains(".")
        if isBareFile {
            let candidate = "\(torchFolder(environment))/\(nameOrPath)"
            if isThere(candidate) { return candidate }
        }
        throw CheckpointError.notFound(
            what: file.map { "\($0) of \(nameOrPath)" } ?? nameOrPath, lookedIn: looked,
            hint: hint(name, revision: revision, file: file, isHubName: repositoryFolder(name) != nil, environment))
    }

    /// The snapshot folder of a revision: a commit, a reference, or, where neither is told, the only snapshot there is.
    private static func snapshot(in folder: String, revision: String?) -> String? {
        let snapshots = "\(folder)/snapshots"
        if let revision, FileManager.default.fileExists(atPath: "\(snapshots)/\(revision)") {
            return "\(snapshots)/\(revision)"
        }
        if let text = try? FileReader.text("\(folder)/refs/\(revision ?? "main")", limit: 1024) {
            let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
            let isCommit = !commit.isEmpty && commit.utf8.allSatisfy { $0.isHexDigit }
            return isCommit ? "\(snapshots)/\(commit)" : nil
        }
        guard revision == nil, let commits = try? FileManager.default.contentsOfDirectory(atPath: snapshots) else {
            return nil
        }
        let visible = commits.filter { !$0.hasPrefix(".") }
        return visible.count == 1 ? "\(snapshots)/\(visible[0])" : nil
    }

    /// `models--org--name`, or nil for a text that cannot be a Hub name.
    private static func repositoryFolder(_ name: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isName =
            (1...2).contains(parts.count)
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && !part.hasPrefix("~")
                    && part.utf8.allSatisfy { $0.isHexDigit || $0.isLetter || [0x2D, 0x2E, 0x5F].contains($0) }
            }
        return isName ? "models--" + parts.joined(separator: "--") : nil
    }

    private static func split(_ name: String) -> (name: String, revision: String?) {
        guard let at = name.lastIndex(of: "@") else { return (name, nil) }
        let revision = String(name[name.index(after: at)...])
        let isPlain = !revision.isEmpty && !revision.contains("..") && !revision.hasPrefix("/")
        return isPlain ? (String(name[..<at]), revision) : (name, nil)
    }

    /// The first folder that the environment names, as the Hub's own library chooses it.
    private static func hubRoots(_ environment: [String: String]) -> [String] {
        for variable in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
            if let root = environment[variable], !root.isEmpty { return [expandingHome(root, environment)] }
        }
        if let root = environment["HF_HOME"], !root.isEmpty { return [expandingHome(root, environment) + "/hub"] }
        return ["\(cacheFolder(environment))/huggingface/hub"]
    }

    private static func torchFolder(_ environment: [String: String]) -> String {
        if let root = environment["TORCH_HOME"], !root.isEmpty {
            return expandingHome(root, environment) + "/hub/checkpoints"
        }
        return "\(cacheFolder(environment))/torch/hub/checkpoints"
    }

    private static func cacheFolder(_ environment: [String: String]) -> String {
        if let root = environment["XDG_CACHE_HOME"], !root.isEmpty { return expandingHome(root, environment) }
        return "\(environment["HOME"] ?? NSHomeDirectory())/.cache"
    }

    private static func expandingHome(_ path: String, _ environment: [String: String]) -> String {
        guard path == "~" || path.hasPrefix("~/") else { return path }
        return (environment["HOME"] ?? NSHomeDirectory()) + path.dropFirst()
    }

    private static func hint(
        _ name: String, revision: String?, file: String?, isHubName: Bool, _ environment: [String: String]
    ) -> String {
        if isHubName && name.contains("/") {
            let fileText = file.map { " \($0)" } ?? ""
            let revisionText = revision.map { " --revision \($0)" } ?? ""
            return "If it is on the Hugging Face Hub, get it with "
                + "`huggingface-cli download \(name)\(fileText)\(revisionText)`; else give the path of your copy."
        }
        return "Give the path of your copy, or put the file into \(torchFolder(environment))."
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool { (0x30...0x39).contains(self) || (0x61...0x66).contains(self | 0x20) }
    fileprivate var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }
}
