import Datasets
import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: Places.radiographs != nil, "no radiographs: set CHEXGEN_RADIOGRAPHS"))
struct RadiographTableTests {
    @Test func annotationsOfRadiographs() throws {
        let folder = Places.radiographs ?? ""
        let table = try Dataset.csv(
            path: folder + "/annotations.csv", imageDirectory: folder, image: "path", prompt: "annotated_prompt",
            labels: "chexpert_labels", id: "id")
        #expect(table.count == 99)
        #expect(try table.unique(by: "annotated_prompt").count == 88)
        #expect(try table.groups(by: "patientID").names.count == 63)
        #expect(try table.imagePaths().allSatisfy { FileManager.default.fileExists(atPath: $0) })
        let split = try table.split(test: .fraction(0.2), seed: 42, by: "patientID")
        let shared = try split.train.shared("patientID", with: split.test)
        #expect(shared.names.isEmpty && shared.first == 50 && shared.second == 13)
    }
}
