import Foundation
import PackagePlugin

/// Hashes what the program is built from, so that a run can say which program computed it: a hash of the program's own file
/// would change with the folder that it is built in.
@main struct SourceIdentity: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let root = context.package.directoryURL
        var inputs = [root.appendingPathComponent("Package.swift")]
        let files = FileManager.default.enumerator(
            at: root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            if !file.hasDirectoryPath { inputs.append(file) }
        }
        let script = root.appendingPathComponent("Plugins/SourceIdentity/hash.sh")
        let output = context.pluginWorkDirectoryURL.appendingPathComponent("SourceHash.swift")
        return [
            .buildCommand(
                displayName: "Hashing the sources", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: [script.path, root.path, output.path], inputFiles: inputs + [script], outputFiles: [output])
        ]
    }
}
