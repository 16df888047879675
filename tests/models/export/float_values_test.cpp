// SPDX-License-Identifier: Apache-2.0
#include "models/export/float_values.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> there_and_back(const std::vector<float>& values, StoredType type) {
  const std::vector<std::byte> bytes = stored_bytes(values, type);
  StoredTensor stored;
  stored.type = type;
  stored.data = bytes.data();
  stored.size_bytes = bytes.size();
  return float_values(stored);
}

TEST(FloatValues, SurviveWiderTypesExactly) {
  const std::vector<float> values = {0.1F, -1e30F, std::numeric_limits<float>::denorm_min()};
  EXPECT_EQ(there_and_back(values, StoredType::kFloat32), values);
  EXPECT_EQ(there_and_back(values, StoredType::kFloat64), values);
}

TEST(FloatValues, RoundToTheNearestEven) {
  const float step = 0x1p-7F;  // of bfloat16 at 1
  EXPECT_THAT(there_and_back({1 + step / 2, 1 + 3 * step / 2, -0.0F}, StoredType::kBFloat16),
              ElementsAre(1.0F, 1 + 2 * step, -0.0F));
  const float half_step = 0x1p-10F;  // of float16 at 1
  EXPECT_THAT(there_and_back({1 + half_step / 2, 1 + 3 * half_step / 2}, StoredType::kFloat16),
              ElementsAre(1.0F, 1 + 2 * half_step));
}

TEST(FloatValues, KeepWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const StoredType type : {StoredType::kBFloat16, StoredType::kFloat16}) {
    const std::vector<float> values = there_and_back({infinity, std::nanf("")}, type);
    EXPECT_EQ(values[0], infinity);
    EXPECT_TRUE(std::isnan(values[1]));
  }
}

TEST(FloatValues, AreNotReadFromIntegers) {
  StoredTensor stored;
  stored.name = "count";
  stored.file = "x.safetensors";
  stored.type = StoredType::kInt64;
  EXPECT_THAT(error_text(ErrorCode::kCheckpoint, [&] { float_values(stored); }),
              HasSubstr("\"count\" has type I64"));
}

}  // namespace
}  // namespace midpo
