import Files
import Foundation
import Radiomics
import Tensors
import TestSupport
import Testing

/// The picture of Tests/Parity/generators/radiomics_features.py.
private func picture(_ width: Int, _ height: Int) throws -> Tensor {
    var pixels: [UInt8] = []
    for y in 0..<height {
        for x in 0..<width {
            let noise = ((x * 7919 + y * 104_729 + x * y * 31) % 1009) % 23
            let (dx, dy) = (x - width / 3, y - height / 2)
            let blob = 120 * 400 / (400 + dx * dx + dy * dy)
            pixels.append(UInt8(40 + blob + (x * x / 37 + 3 * y) % 60 + noise))
        }
    }
    return try Tensor(pixels, shape: [height, width])
}

private func settings(_ text: String) throws -> RadiomicsSettings {
    try RadiomicsSettings(JSON.parse(text, name: "settings"))
}

@Suite struct FeatureTests {
    @Test func equalsPyradiomics() throws {
        let cases = try JSON.read(Places.fixtures("radiomics/features.json"))
        var bins = RadiomicsSettings()
        (bins.binWidth, bins.wavelet) = (12.5, "db2")
        var native = RadiomicsSettings()
        native.spacing = nil
        var uneven = RadiomicsSettings()
        uneven.spacing = (3, 1.5)
        for (name, settings) in [
            ("even", RadiomicsSettings()), ("odd", RadiomicsSettings()), ("bins", bins), ("native", native),
            ("uneven", uneven),
        ] {
            let wanted = try #require(cases[name])
            let width = try #require(wanted["width"]?.integer)
            let height = try #require(wanted["height"]?.integer)
            let found = try RadiomicsExtractor(settings).features(picture(width, height))
            let names = RadiomicsExtractor.diagnosticsNames + settings.featureNames
            let ours = Dictionary(uniqueKeysWithValues: zip(names, found.diagnostics + found.values))
            let expected = try #require(wanted["names"]?.array).compactMap(\.string)
            #expect(settings.featureNames == expected.filter { !$0.hasPrefix("diagnostics_") })
            #expect(settings.featureNames.count == 385)
            // Without resampling pyradiomics leaves the diagnostics of the resampled image out.
            #expect(names == expected || name == "native")
            let values = try #require(wanted["values"]?.array).compactMap(\.number)
            for (column, theirs) in zip(expected, values) {
                // Means of detail images are rounding noise around 0 on a scale of 100.
                let tolerance = max(1e-7 * abs(theirs), 1e-10)
                let value = try #require(ours[column])
                #expect(abs(value - theirs) <= tolerance, "\(name) \(column): \(value), wanted \(theirs)")
            }
        }
    }

    @Test func settingsAreReadAndChecked() throws {
        let read = try settings(
            """
            {"setting": {"binWidth": 25, "resampledPixelSpacing": [0, 3, 0], "normalize": true, "label": 1,
             "force2D": true, "interpolator": "sitkBSpline", "padDistance": 10},
             "imageType": {"Wavelet": {"wavelet": "haar"}}, "featureClass": {"glcm": ["Imc1", "Contrast"], "ngtdm": null}}
            """)
        #expect(read.binWidth == 25 && read.spacing?.x == 1 && read.spacing?.y == 3)
        #expect(
            read.featureNames.prefix(3) == [
                "wavelet-LH_glcm_Imc1", "wavelet-LH_glcm_Contrast", "wavelet-LH_ngtdm_Busyness",
            ])
        #expect(read.identity != RadiomicsSettings().identity)
        for (text, part) in [
            ("{\"settings\": {}}", "settings"), ("{\"setting\": {\"binwidth\": 5}}", "binwidth"),
            ("{\"setting\": {\"binWidth\": 0}}", "more than 0"), ("{\"setting\": {\"binWidth\": \"5\"}}", "number"),
            ("{\"setting\": {\"resampledPixelSpacing\": [2, -1, 0]}}", "resampledPixelSpacing"),
            ("{\"setting\": {\"label\": 2}}", "label"),
            ("{\"setting\": {\"interpolator\": \"sitkLinear\"}}", "sitkLinear"),
            ("{\"imageType\": {\"Square\": {}}}", "Square"), ("{\"imageType\": {}}", "no image"),
            ("{\"imageType\": {\"Wavelet\": {\"wavelet\": \"bior1.1\"}}}", "bior1.1"),
            ("{\"featureClass\": {\"shape\": null}}", "shape"), ("{\"featureClass\": {\"glcm\": [\"MCC\"]}}", "MCC"),
            ("3", "wanted"), ("{\"setting\": \"binWidth\"}", "setting\": wanted a map"),
            ("{\"imageType\": 3}", "imageType\": wanted a map"),
            ("{\"imageType\": {\"Original\": 5}}", "imageType.Original\": wanted a map"),
            ("{\"imageType\": {\"Wavelet\": [1]}}", "imageType.Wavelet\": wanted a map"),
            ("{\"imageType\": {\"Original\": null, \"LoG\": 5}}", "imageType.LoG\": wanted a map"),
            ("{\"featureClass\": [\"glcm\"]}", "featureClass\": wanted a map"),
            ("{\"featureClass\": {\"firstorder\": 7}}", "featureClass.firstorder\": wanted a list"),
            ("{\"featureClass\": {\"firstorder\": \"Mean\"}}", "featureClass.firstorder\": wanted a list"),
        ] {
            let found = message { _ = try settings(text) }
            #expect(found.contains(part), "\(text): \(found)")
        }
    }

    /// pyradiomics lets each image type have a bin width of its own.
    @Test func imageTypesHaveBinWidthsOfTheirOwn() throws {
        func features(_ text: String) throws -> [Double] {
            try RadiomicsExtractor(settings(text)).features(picture(50, 60)).values
        }
        let classes = "\"featureClass\": {\"firstorder\": [], \"glszm\": null}"
        let all = "\"imageType\": {\"Original\": {}, \"LoG\": {\"sigma\": [2.0, 3.0]}, \"Wavelet\": {}}"
        let five = try features("{\(all), \(classes)}")
        let nine = try features("{\"setting\": {\"binWidth\": 9}, \(all), \(classes)}")
        let types = "\"imageType\": {\"Original\": {\"binWidth\": 5}, \"Wavelet\": {\"binWidth\": 9}}"
        let mixed = try features("{\(types), \(classes)}")
        let original = 18 + 16
        #expect(five.count == 5 * original && five != nine)
        #expect(mixed == Array(five.prefix(original) + nine.dropFirst(original)))
        #expect(try settings("{\(types)}").identity != settings("{\(all)}").identity)
        #expect(
            message { _ = try settings("{\"imageType\": {\"Wavelet\": {\"binWidth\": 0}}}") }.contains("more than 0"))
        #expect(message { _ = try settings("{\"imageType\": {\"Original\": {\"sigma\": 1}}}") }.contains("sigma"))
    }

    @Test func strangeImagesGiveFeaturesOrErrors() throws {
        let extractor = RadiomicsExtractor()
        func found(_ tensor: Tensor) -> String { complaint { _ = try extractor.features(tensor) } }
        #expect(try found(.zeros([1, 1])).contains("1 x 1"))
        #expect(try found(picture(3, 3)).contains("resampling"))
        #expect(try found(.zeros([64, 64])).contains("every pixel is 0"))
        #expect(try found(.full([64, 64], .number(.nan), .f32)).contains("nan"))
        #expect(try found(.zeros([2, 2, 3])).contains("[2, 2, 3]"))
        #expect(try found(picture(4, 4)) == "")
        var fine = RadiomicsSettings()
        fine.binWidth = 1e-5
        #expect(complaint { _ = try RadiomicsExtractor(fine).features(picture(40, 40)) }.contains("grey levels"))
        // One bright pixel in the dark: large flat zones.
        var pixels = [UInt8](repeating: 0, count: 1024 * 1024)
        pixels[517 * 1024 + 300] = 255
        let features = try extractor.features(Tensor(pixels, shape: [1024, 1024]))
        #expect(features.values.count == 385 && features.values.allSatisfy { !$0.isNaN })
    }
}
