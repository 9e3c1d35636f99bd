# wait.sh SECONDS PATTERN-FILE: until the time is over, the file exists, or the chain failed
cd /tmp/w || exit 1
t0=$(date +%s)
while [ $(( $(date +%s) - t0 )) -lt $1 ] && [ ! -e failed ] && [ ! -e "$2" ] && ! { [ "$2" = steps ] && grep -q '^step 200 ' train.log; }; do sleep 2; done
if [ "$3" = reports ]; then cp out/golden.safetensors $OUT/; tar czf $OUT/reports.tgz *.log out/*.txt out/*.json out/model/*.json work/*.json; 
else d=out/checkpoint; [ -e weights-ready ] && d=out/packed; [ -d $d ] && cp $d/* $OUT/; tar czf $OUT/logs.tgz *.log; fi
ls; tail -n 6 prepare.log check.log; grep -v transformers train.log | tail -n 12; tail -n 12 golden.log evaluate.log 2>/dev/null; nvidia-smi --query-gpu=memory.used,utilization.gpu --format=csv,noheader; ls -l $OUT
