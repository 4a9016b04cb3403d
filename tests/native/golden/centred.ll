define internal void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads) alwaysinline {
entry:
  %a27 = alloca <4 x double>, align 64
  %a28 = alloca <4 x double>, align 64
  %a29 = alloca <4 x double>, align 64
  %a30 = alloca <4 x double>, align 64
  %v1 = add i64 %tid, 1
  %v2 = mul i64 1, %tid
  %v3 = sdiv i64 %v2, %threads
  %v4 = mul i64 1, %v1
  %v5 = sdiv i64 %v4, %threads
  br label %loop6.head
loop6.head:
  %loop6.i = phi i64 [ %v3, %entry ], [ %v139, %loop13.end ]
  %v7 = icmp slt i64 %loop6.i, %v5
  br i1 %v7, label %loop6.body, label %loop6.end
loop6.body:
  %v8 = add i64 %loop6.i, 1
  %v9 = mul i64 %loop6.i, 6
  %v10 = sdiv i64 %v9, 1
  %v11 = mul i64 %v8, 6
  %v12 = sdiv i64 %v11, 1
  br label %loop13.head
loop13.head:
  %loop13.i = phi i64 [ %v10, %loop6.body ], [ %v138, %loop102.end ]
  %v14 = icmp slt i64 %loop13.i, %v12
  br i1 %v14, label %loop13.body, label %loop13.end
loop13.body:
  %v15 = urem i64 %loop13.i, 3
  %v16 = udiv i64 %loop13.i, 3
  %v17 = urem i64 %v16, 2
  %v18 = udiv i64 %v16, 2
  %v19 = mul i64 %v17, 150
  %v20 = mul i64 %v15, 50
  %v21 = add i64 %v19, %v20
  %v22 = getelementptr inbounds double, ptr %p0, i64 %v21
  %v23 = mul i64 %v17, 150
  %v24 = mul i64 %v15, 50
  %v25 = add i64 %v23, %v24
  %v26 = getelementptr inbounds double, ptr %p1, i64 %v25
  store <4 x double> <double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000>, ptr %a27
  store <4 x double> <double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000>, ptr %a28
  store <4 x double> <double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000>, ptr %a29
  store <4 x double> <double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000>, ptr %a30
  br label %loop31.head
loop31.head:
  %loop31.i = phi i64 [ 0, %loop13.body ], [ %v64, %loop31.body ]
  %v32 = icmp slt i64 %loop31.i, 48
  br i1 %v32, label %loop31.body, label %loop31.end
loop31.body:
  %v33 = add i64 %loop31.i, 4
  %v34 = add i64 %loop31.i, 8
  %v35 = add i64 %loop31.i, 12
  %v36 = getelementptr inbounds double, ptr %v22, i64 %loop31.i
  %v37 = load <4 x double>, ptr %v36, align 8
  %v38 = load <4 x double>, ptr %a27
  %v39 = fcmp ogt <4 x double> %v38, %v37
  %v40 = select <4 x i1> %v39, <4 x double> %v38, <4 x double> %v37
  %v41 = fcmp uno <4 x double> %v38, %v38
  %v42 = select <4 x i1> %v41, <4 x double> %v38, <4 x double> %v40
  store <4 x double> %v42, ptr %a27
  %v43 = getelementptr inbounds double, ptr %v22, i64 %v33
  %v44 = load <4 x double>, ptr %v43, align 8
  %v45 = load <4 x double>, ptr %a28
  %v46 = fcmp ogt <4 x double> %v45, %v44
  %v47 = select <4 x i1> %v46, <4 x double> %v45, <4 x double> %v44
  %v48 = fcmp uno <4 x double> %v45, %v45
  %v49 = select <4 x i1> %v48, <4 x double> %v45, <4 x double> %v47
  store <4 x double> %v49, ptr %a28
  %v50 = getelementptr inbounds double, ptr %v22, i64 %v34
  %v51 = load <4 x double>, ptr %v50, align 8
  %v52 = load <4 x double>, ptr %a29
  %v53 = fcmp ogt <4 x double> %v52, %v51
  %v54 = select <4 x i1> %v53, <4 x double> %v52, <4 x double> %v51
  %v55 = fcmp uno <4 x double> %v52, %v52
  %v56 = select <4 x i1> %v55, <4 x double> %v52, <4 x double> %v54
  store <4 x double> %v56, ptr %a29
  %v57 = getelementptr inbounds double, ptr %v22, i64 %v35
  %v58 = load <4 x double>, ptr %v57, align 8
  %v59 = load <4 x double>, ptr %a30
  %v60 = fcmp ogt <4 x double> %v59, %v58
  %v61 = select <4 x i1> %v60, <4 x double> %v59, <4 x double> %v58
  %v62 = fcmp uno <4 x double> %v59, %v59
  %v63 = select <4 x i1> %v62, <4 x double> %v59, <4 x double> %v61
  store <4 x double> %v63, ptr %a30
  %v64 = add i64 %loop31.i, 16
  br label %loop31.head
loop31.end:
  %v65 = getelementptr inbounds double, ptr %v22, i64 48
  %v66 = call <4 x double> @llvm.masked.load.v4f64.p0(ptr %v65, i32 8, <4 x i1> <i1 true, i1 true, i1 false, i1 false>, <4 x double> zeroinitializer)
  %v67 = select <4 x i1> <i1 true, i1 true, i1 false, i1 false>, <4 x double> %v66, <4 x double> <double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000, double 0xFFF0000000000000>
  %v68 = load <4 x double>, ptr %a27
  %v69 = fcmp ogt <4 x double> %v68, %v67
  %v70 = select <4 x i1> %v69, <4 x double> %v68, <4 x double> %v67
  %v71 = fcmp uno <4 x double> %v68, %v68
  %v72 = select <4 x i1> %v71, <4 x double> %v68, <4 x double> %v70
  store <4 x double> %v72, ptr %a27
  %v73 = load <4 x double>, ptr %a27
  %v74 = load <4 x double>, ptr %a28
  %v75 = load <4 x double>, ptr %a29
  %v76 = load <4 x double>, ptr %a30
  %v77 = fcmp ogt <4 x double> %v73, %v74
  %v78 = select <4 x i1> %v77, <4 x double> %v73, <4 x double> %v74
  %v79 = fcmp uno <4 x double> %v73, %v73
  %v80 = select <4 x i1> %v79, <4 x double> %v73, <4 x double> %v78
  %v81 = fcmp ogt <4 x double> %v75, %v76
  %v82 = select <4 x i1> %v81, <4 x double> %v75, <4 x double> %v76
  %v83 = fcmp uno <4 x double> %v75, %v75
  %v84 = select <4 x i1> %v83, <4 x double> %v75, <4 x double> %v82
  %v85 = fcmp ogt <4 x double> %v80, %v84
  %v86 = select <4 x i1> %v85, <4 x double> %v80, <4 x double> %v84
  %v87 = fcmp uno <4 x double> %v80, %v80
  %v88 = select <4 x i1> %v87, <4 x double> %v80, <4 x double> %v86
  %v89 = shufflevector <4 x double> %v88, <4 x double> poison, <2 x i32> <i32 0, i32 1>
  %v90 = shufflevector <4 x double> %v88, <4 x double> poison, <2 x i32> <i32 2, i32 3>
  %v91 = fcmp ogt <2 x double> %v89, %v90
  %v92 = select <2 x i1> %v91, <2 x double> %v89, <2 x double> %v90
  %v93 = fcmp uno <2 x double> %v89, %v89
  %v94 = select <2 x i1> %v93, <2 x double> %v89, <2 x double> %v92
  %v95 = shufflevector <2 x double> %v94, <2 x double> poison, <1 x i32> <i32 0>
  %v96 = shufflevector <2 x double> %v94, <2 x double> poison, <1 x i32> <i32 1>
  %v97 = fcmp ogt <1 x double> %v95, %v96
  %v98 = select <1 x i1> %v97, <1 x double> %v95, <1 x double> %v96
  %v99 = fcmp uno <1 x double> %v95, %v95
  %v100 = select <1 x i1> %v99, <1 x double> %v95, <1 x double> %v98
  %v101 = extractelement <1 x double> %v100, i32 0
  br label %loop102.head
loop102.head:
  %loop102.i = phi i64 [ 0, %loop31.end ], [ %v131, %loop102.body ]
  %v103 = icmp slt i64 %loop102.i, 48
  br i1 %v103, label %loop102.body, label %loop102.end
loop102.body:
  %v104 = add i64 %loop102.i, 4
  %v105 = add i64 %loop102.i, 8
  %v106 = add i64 %loop102.i, 12
  %v107 = getelementptr inbounds double, ptr %v22, i64 %loop102.i
  %v108 = load <4 x double>, ptr %v107, align 8
  %v109 = insertelement <4 x double> poison, double %v101, i32 0
  %v110 = shufflevector <4 x double> %v109, <4 x double> poison, <4 x i32> zeroinitializer
  %v111 = fsub <4 x double> %v108, %v110
  %v112 = getelementptr inbounds double, ptr %v26, i64 %loop102.i
  store <4 x double> %v111, ptr %v112, align 8
  %v113 = getelementptr inbounds double, ptr %v22, i64 %v104
  %v114 = load <4 x double>, ptr %v113, align 8
  %v115 = insertelement <4 x double> poison, double %v101, i32 0
  %v116 = shufflevector <4 x double> %v115, <4 x double> poison, <4 x i32> zeroinitializer
  %v117 = fsub <4 x double> %v114, %v116
  %v118 = getelementptr inbounds double, ptr %v26, i64 %v104
  store <4 x double> %v117, ptr %v118, align 8
  %v119 = getelementptr inbounds double, ptr %v22, i64 %v105
  %v120 = load <4 x double>, ptr %v119, align 8
  %v121 = insertelement <4 x double> poison, double %v101, i32 0
  %v122 = shufflevector <4 x double> %v121, <4 x double> poison, <4 x i32> zeroinitializer
  %v123 = fsub <4 x double> %v120, %v122
  %v124 = getelementptr inbounds double, ptr %v26, i64 %v105
  store <4 x double> %v123, ptr %v124, align 8
  %v125 = getelementptr inbounds double, ptr %v22, i64 %v106
  %v126 = load <4 x double>, ptr %v125, align 8
  %v127 = insertelement <4 x double> poison, double %v101, i32 0
  %v128 = shufflevector <4 x double> %v127, <4 x double> poison, <4 x i32> zeroinitializer
  %v129 = fsub <4 x double> %v126, %v128
  %v130 = getelementptr inbounds double, ptr %v26, i64 %v106
  store <4 x double> %v129, ptr %v130, align 8
  %v131 = add i64 %loop102.i, 16
  br label %loop102.head
loop102.end:
  %v132 = getelementptr inbounds double, ptr %v22, i64 48
  %v133 = call <4 x double> @llvm.masked.load.v4f64.p0(ptr %v132, i32 8, <4 x i1> <i1 true, i1 true, i1 false, i1 false>, <4 x double> zeroinitializer)
  %v134 = insertelement <4 x double> poison, double %v101, i32 0
  %v135 = shufflevector <4 x double> %v134, <4 x double> poison, <4 x i32> zeroinitializer
  %v136 = fsub <4 x double> %v133, %v135
  %v137 = getelementptr inbounds double, ptr %v26, i64 48
  call void @llvm.masked.store.v4f64.p0(<4 x double> %v136, ptr %v137, i32 8, <4 x i1> <i1 true, i1 true, i1 false, i1 false>)
  %v138 = add i64 %loop13.i, 1
  br label %loop13.head
loop13.end:
  %v139 = add i64 %loop6.i, 1
  br label %loop6.head
loop6.end:
  ret void
}

define void @nest(ptr %args, i64 %tid, i64 %threads) {
entry:
  %s0 = getelementptr inbounds ptr, ptr %args, i64 0
  %p0 = load ptr, ptr %s0, align 8
  %s1 = getelementptr inbounds ptr, ptr %args, i64 1
  %p1 = load ptr, ptr %s1, align 8
  call void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads)
  ret void
}

declare <4 x double> @llvm.masked.load.v4f64.p0(ptr, i32, <4 x i1>, <4 x double>)
declare void @llvm.masked.store.v4f64.p0(<4 x double>, ptr, i32, <4 x i1>)
